"""The spool file, and the writer that falls back on it: rows are never lost and never counted twice."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text

from openwebui_usage.ledger import CallRow, Recorded, Store, Writer
from openwebui_usage.ledger import writer as writers
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from tests.support.process import wait_until
from tests.support.recorder import a_call, engine_like_open_webui
from tests.support.tables import give_tables

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder)


def in_python(script: str, folder: Path) -> subprocess.Popen[str]:
    """Another process."""
    imports = (
        "import resource, sys, time; from pathlib import Path; folder = Path(sys.argv[1])\n"
        "from openwebui_usage.ledger.spool import Spool; from tests.support.recorder import a_call\n"
    )
    command = [sys.executable, "-c", imports + script, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def taken(spool: Spool) -> list[CallRow]:
    """All rows that a replay hands over."""
    rows: list[CallRow] = []
    assert spool.replay(rows.extend) == len(rows)
    return rows


class TestSpool:
    def test_gives_back_what_it_was_given(self, spool: Spool) -> None:
        rows = [a_call(raw_usage={"a": [1, None]}, user_groups=("x",), chat_id="Ü 漢 \0 \ud83d"), a_call("o3-mini")]
        spool.append(rows[:1])
        spool.append(rows[1:])
        assert taken(spool) == rows
        assert taken(spool) == []

    def test_leaves_no_files_behind(self, spool: Spool, folder: Path) -> None:
        assert taken(spool) == []
        assert not folder.exists()
        for _ in range(3):
            spool.append([a_call()])
            taken(spool)
        assert list(folder.iterdir()) == []

    def test_is_for_nobody_elses_eyes(self, spool: Spool, folder: Path) -> None:
        spool.append([a_call()])
        assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]

    def test_keeps_what_could_not_be_written(self, spool: Spool) -> None:
        rows = [a_call() for _ in range(3)]
        spool.append(rows)
        with pytest.raises(ZeroDivisionError):
            spool.replay(lambda given: given and 1 / 0)  # type: ignore[arg-type]
        later = a_call()
        spool.append([later])
        assert sorted(row.id for row in taken(spool)) == sorted(row.id for row in [*rows, later])

    def test_hands_over_any_number_in_batches(self, spool: Spool) -> None:
        rows = [a_call() for _ in range(2500)]
        spool.append(rows)
        batches: list[int] = []
        assert spool.replay(lambda given: batches.append(len(given))) == 2500
        assert batches == [1000, 1000, 500]

    def test_takes_rows_while_it_is_replayed(self, spool: Spool) -> None:
        first, second = a_call(), a_call()
        spool.append([first])
        spool.replay(lambda _: spool.append([second]))
        assert taken(spool) == [second]

    def test_does_not_take_a_living_process_file(self, folder: Path, spool: Spool) -> None:
        spool.append([a_call()])
        assert taken(Spool(folder)) == []
        assert len(taken(spool)) == 1

    def test_takes_over_the_file_of_a_dead_process(self, folder: Path) -> None:
        process = in_python(
            "row = a_call(); spool = Spool(folder); spool.append([row]); print(row.id, flush=True); time.sleep(60)",
            folder,
        )
        try:
            assert process.stdout is not None
            written = process.stdout.readline().strip()
            assert taken(Spool(folder)) == []
        finally:
            process.kill()
            process.communicate()
        assert [row.id for row in taken(Spool(folder))] == [written]

    def test_is_never_taken_by_two(self, folder: Path) -> None:
        found: list[str] = []
        abandoned = [a_call() for _ in range(40)]
        for row in abandoned:
            left = Spool(folder)
            left.append([row])
            left.close()
        threads = [
            threading.Thread(target=lambda: Spool(folder).replay(lambda rows: found.extend(row.id for row in rows)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == sorted(row.id for row in abandoned)

    def test_leaves_out_a_half_written_last_line(self, spool: Spool, folder: Path) -> None:
        row = a_call()
        spool.append([row])
        [path] = folder.iterdir()
        with path.open("ab") as file:
            file.write(b'{"started_at": 17, "model": "gp')
        assert taken(spool) == [row]
        assert list(folder.iterdir()) == []

    def test_sets_aside_a_line_that_it_cannot_read(self, spool: Spool, folder: Path) -> None:
        rows = [a_call(), a_call()]
        spool.append(rows[:1])
        [path] = folder.iterdir()
        with path.open("ab") as file:
            file.write(b"\xff not ours\n[1]\n{}\n")
        spool.append(rows[1:])
        assert taken(spool) == rows
        assert (folder / "rejected.jsonl").read_bytes() == b"\xff not ours\n[1]\n{}\n"

    def test_reads_what_a_newer_version_wrote(self, spool: Spool, folder: Path) -> None:
        row = a_call()
        spool.append([row])
        [path] = folder.iterdir()
        newer = row.to_json() | {"mood": "good"}
        newer["usage"] |= {"video": 3}
        path.write_text(f"{json.dumps(newer)}\n")
        assert taken(spool) == [row]

    def test_reads_what_an_older_version_wrote(self, spool: Spool, folder: Path) -> None:
        """One flat object, without what was not known then: all of that stays unknown."""
        folder.mkdir()
        older = {
            "started_at": 1_767_225_600.5,
            "model": "helper",
            "called_model": "gpt-4o",
            "usage": {
                "input": 100,
                "cached_input": 20,
                "cache_write": 0,
                "completion": 10,
                "reasoning": 4,
                "output": 10,
                "estimated": False,
            },
            "outcome": "done",
            "user_id": "user-1",
            "user_name": "Ann",
            "user_groups": ["g-1"],
            "chat_id": "chat-1",
            "message_id": None,
            "task": None,
            "path": "/api/chat/completions",
            "first_token_after": 0.5,
            "thinking": None,
            "duration": 1.5,
            "unverified": False,
            "provider_url": "https://api.openai.com/v1",
            "is_free_connection": False,
            "raw_usage": {"prompt_tokens": 100},
            "cost_nano": None,
            "cost_source": None,
            "id": "18a0000000000000abcdef0123456789",
        }
        (folder / "calls-older.jsonl").write_text(f"{json.dumps(older)}\n")
        [row] = taken(spool)
        assert row.to_json().items() >= {**older, "user_groups": ("g-1",)}.items()
        info = row.info
        assert (info.kind, info.key, info.key_name, info.connection, info.connection_name) == (None,) * 5
        assert (info.user_groups, info.user_group_names, row.effort, row.error) == (("g-1",), (), None, None)

    def test_gives_back_all_that_is_known_of_a_call(self, spool: Spool) -> None:
        row = a_call(
            kind="embedding",
            key="0123456789abcdef",
            key_name="…cdef",
            connection="ollama:http://one:11434|ollama:http://two:11434",
            connection_name="http://one:11434, http://two:11434",
            user_groups=("g-1", "g-2"),
            user_group_names=("Staff", "Writers"),
            effort="high",
            error="timeout",
            outcome="error",
        )
        spool.append([row])
        assert taken(spool) == [row]

    def test_says_so_when_it_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match=r"Not a directory|File exists"):
            Spool(tmp_path / "file" / "spool").append([a_call()])

    def test_writes_all_rows_or_none_where_the_disk_is_full(self, folder: Path) -> None:
        """A limit on the size of files stands in for the full disk: the write ends in the middle, then fails."""
        process = in_python(
            """
spool, rows = Spool(folder), [a_call() for _ in range(7)]
spool.append(rows[:2])
size = next(folder.iterdir()).stat().st_size
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size * 2, most))
try:
    spool.append(rows[2:6])
except OSError:
    print("full")
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
spool.append(rows[6:])
print(*(row.id for row in rows[:2] + rows[6:]))
""",
            folder,
        )
        said, *written = process.communicate()[0].split()
        assert said == "full"
        assert [row.id for row in taken(Spool(folder))] == written

    def test_takes_whatever_a_pipe_reports(self, spool: Spool) -> None:
        spool.append([a_call(raw_usage={"when": object()})])
        assert len(taken(spool)) == 1


# --- the writer on top of it


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db")
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(writers, "_POLL_SECONDS", 0.05)


@pytest.fixture
def store(engine: Engine) -> Store:
    store = Store(engine)
    give_tables(engine)
    store.create_group("G", ["*"], None, "documented")
    return store


@pytest.fixture
def start_writer(store: Store, spool: Spool) -> Iterator[Callable[..., Writer]]:
    writers: list[Writer] = []

    def start(on_commit: Callable[[Recorded], None] = lambda recorded: None) -> Writer:
        writer = Writer(store, spool, on_commit)
        writer.start()
        writers.append(writer)
        return writer

    yield start
    for writer in writers:
        writer.stop()


def ids_in(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(usage_call.c.id).order_by(usage_call.c.id)).scalars())


class TestWriter:
    def test_tells_only_when_a_row_is_in_the_database(
        self, start_writer: Callable[..., Writer], engine: Engine
    ) -> None:
        writer = start_writer()
        for _ in range(5):
            row = a_call()
            writer.submit(row).result(10)
            assert row.id in ids_in(engine)

    def test_gathers_what_ends_while_a_commit_runs(
        self, start_writer: Callable[..., Writer], store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commits: list[int] = []
        runs, may_end, record = threading.Event(), threading.Event(), store.record

        def slow(*given: Any, **named: Any) -> Any:
            runs.set()
            may_end.wait(30)
            return record(*given, **named)

        monkeypatch.setattr(store, "record", slow)
        monkeypatch.setattr(writers, "HANGS_SECONDS", 60.0)
        writer = start_writer(lambda recorded: commits.append(len(recorded.rows)))

        async def main() -> None:
            first = asyncio.create_task(writer.write(a_call()))
            await asyncio.to_thread(runs.wait, 30)
            others = [asyncio.create_task(writer.write(a_call())) for _ in range(2999)]
            await asyncio.sleep(0)
            may_end.set()
            await asyncio.gather(first, *others)

        asyncio.run(main())
        assert commits == [1, 1000, 1000, 999]
        assert store.group("G").sums.calls == 3000

    def test_keeps_a_row_whose_waiter_went_away(self, start_writer: Callable[..., Writer], store: Store) -> None:
        writer = start_writer()

        async def main() -> None:
            waits = [asyncio.create_task(writer.write(a_call())) for _ in range(20)]
            await asyncio.sleep(0)
            for wait in waits:
                wait.cancel()
            writer.submit(a_call()).cancel()

        asyncio.run(main())
        writer.submit(a_call()).result(10)
        assert store.group("G").sums.calls == 22

    def test_goes_on_when_listeners_fail(self, start_writer: Callable[..., Writer], store: Store, folder: Path) -> None:
        def fail(recorded: Recorded) -> None:
            raise RuntimeError("a listener's own fault")

        writer = start_writer(fail)
        for _ in range(3):
            writer.submit(a_call()).result(10)
        assert store.group("G").sums.calls == 3
        assert not folder.exists()

    def test_writes_what_is_queued_before_it_ends(self, start_writer: Callable[..., Writer], store: Store) -> None:
        writer = start_writer()
        for _ in range(2500):
            writer.post(a_call())
        writer.stop()
        assert store.group("G").sums.calls == 2500

    def test_spools_what_comes_after_its_end(
        self, start_writer: Callable[..., Writer], store: Store, spool: Spool
    ) -> None:
        writer = start_writer()
        writer.stop()
        writer.post(a_call())
        writer.submit(a_call()).result(1)
        asyncio.run(asyncio.wait_for(writer.write(a_call()), 5))
        assert len(taken(spool)) == 3

    def test_loses_nothing_while_it_ends(
        self, start_writer: Callable[..., Writer], engine: Engine, spool: Spool
    ) -> None:
        writer, rows = start_writer(), [a_call() for _ in range(2000)]

        def submit(mine: list[CallRow]) -> None:
            for row in mine:
                writer.submit(row).result(20)

        threads = [threading.Thread(target=submit, args=(rows[number::8],)) for number in range(8)]
        for thread in threads:
            thread.start()
        writer.stop()
        for thread in threads:
            thread.join(60)
        assert sorted([*ids_in(engine), *(row.id for row in taken(spool))]) == [row.id for row in rows]

    def test_ends_in_time_although_a_commit_hangs(self, spool: Spool, store: Store) -> None:
        hanging = threading.Event()

        def hang(recorded: Recorded) -> None:
            hanging.set()
            threading.Event().wait(2)

        writer = Writer(store, spool, hang)
        writer.start()
        writer.post(a_call())
        assert hanging.wait(10)
        writer.post(a_call())
        writer.stop(timeout=0.1)
        assert len(taken(spool)) == 2  # One of them is in the database as well; its id keeps it from counting twice.

    def test_may_end_before_it_began(self, store: Store, spool: Spool) -> None:
        Writer(store, spool).stop()

    def test_keeps_rows_in_memory_when_there_is_no_spool_either(
        self, start_writer: Callable[..., Writer], engine: Engine, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        writer = start_writer()
        rows = [a_call() for _ in range(5)]
        folder.touch()  # A file where the folder should be.
        with _refusing(engine):
            for row in rows:
                writer.submit(row).result(10)
        wait_until(lambda: len(ids_in(engine)) == 5, timeout=15, what="the rows are written")
        assert ids_in(engine) == [row.id for row in rows]
        assert "wait in memory" in caplog.text

    def test_a_row_that_the_database_refuses_does_not_hold_up_the_others(
        self,
        start_writer: Callable[..., Writer],
        engine: Engine,
        folder: Path,
        store: Store,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TRIGGER poison BEFORE INSERT ON usage_call WHEN NEW.model = 'poison' "
                    "BEGIN SELECT RAISE(ABORT, 'never'); END"
                )
            )
        writer = start_writer()
        rows = [a_call("poison" if number % 7 == 3 else "gpt-4o") for number in range(30)]
        with caplog.at_level(logging.ERROR):
            for row in rows:
                writer.post(row)
            writer.submit(a_call("poison")).result(10)
            wait_until(lambda: len(ids_in(engine)) == 26, timeout=15, what="the others are written")
            wait_until(lambda: len(_rejected(folder)) == 5, timeout=15, what="the bad ones are set aside")
        alone = a_call()
        writer.submit(alone).result(10)
        wait_until(lambda: alone.id in ids_in(engine), timeout=15, what="later rows are written")
        assert store.group("G").sums.calls == 27
        assert list(folder.glob("calls-*")) == []
        assert "refuses call" in caplog.text

    def test_a_database_that_refuses_everything_is_waited_for(
        self, start_writer: Callable[..., Writer], engine: Engine, folder: Path
    ) -> None:
        writer = start_writer()
        rows = [a_call() for _ in range(5)]
        with _refusing(engine):
            for row in rows:
                writer.submit(row).result(10)
            threading.Event().wait(1.5)  # Some replays fail meanwhile.
        wait_until(lambda: len(ids_in(engine)) == 5, timeout=15, what="the rows are written")
        assert _rejected(folder) == []


class _refusing:  # noqa: N801 - a context manager
    """The database refuses every row, with an error that sounds as if the row were to blame."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                text("CREATE TRIGGER refuse BEFORE INSERT ON usage_call BEGIN SELECT RAISE(ABORT, 'no'); END")
            )

    def __exit__(self, *_: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse"))
            assert connection.execute(select(func.count()).select_from(usage_call)).scalar() == 0


def _rejected(folder: Path) -> list[str]:
    path = folder / "rejected.jsonl"
    return path.read_text().splitlines() if path.exists() else []
