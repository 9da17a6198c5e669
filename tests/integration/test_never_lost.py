"""What is in the ledger stays there, whatever is deleted, and says what was true, whoever would like it to say else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from openwebui_usage.ledger import Store
from tests.support.clients import Client
from tests.support.ledger import Ledger
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.recorder import a_call, engine_like_open_webui

MESSAGES = [{"role": "user", "content": "Hello there"}]
GROUP = "kept"


@pytest.fixture
def ledger(openwebui: OpenWebUI) -> Ledger:
    return Ledger(openwebui)


@pytest.fixture(autouse=True)
def group(admin: Client) -> Iterator[None]:
    admin.add_group(GROUP, ["gpt-4o-mini"])
    yield
    admin.forget_definitions()


class TestDeleting:
    @pytest.fixture(autouse=True)
    def chat(self, user: Client, ledger: Ledger) -> str:
        with user.ui() as ui:
            turn = ui.ask("gpt-4o-mini").wait()
        ledger.wait(1)
        return turn.chat_id

    def assert_kept(self, admin: Client, user: Client, ledger: Ledger, chat: str) -> None:
        [row] = ledger.rows()
        assert (row.user_id, row.user_name, row.chat_id) == (user.id, user.user["name"], chat)
        assert admin.usage_groups()[GROUP]["usage"]["calls"] == 1

    def test_a_chat_deletes_no_row(self, admin: Client, user: Client, ledger: Ledger, chat: str) -> None:
        user.request("DELETE", f"/api/v1/chats/{chat}")
        self.assert_kept(admin, user, ledger, chat)

    def test_all_chats_deletes_no_row(self, admin: Client, user: Client, ledger: Ledger, chat: str) -> None:
        user.request("DELETE", "/api/v1/chats/")
        self.assert_kept(admin, user, ledger, chat)

    def test_a_user_deletes_no_row(self, admin: Client, user: Client, ledger: Ledger, chat: str) -> None:
        admin.request("DELETE", f"/api/v1/users/{user.id}")
        self.assert_kept(admin, user, ledger, chat)

    def test_a_group_or_resetting_it_deletes_no_row(self, admin: Client, ledger: Ledger) -> None:
        [before] = ledger.rows()
        admin.request("POST", f"/api/usage/groups/{GROUP}/reset")
        admin.request("DELETE", f"/api/usage/groups/{GROUP}")
        assert ledger.rows() == [before]


def test_nobody_can_add_to_the_line_under_another_ones_reply(admin: Client, user: Client, provider: Provider) -> None:
    provider.behave("slow", chunks=40, delay=0.05, prompt=7, visible=40)
    provider.behave("gpt-4o-mini", prompt=5000, visible=10)
    with admin.ui() as ui:
        turn = ui.ask("slow").wait_for_text()
        said = {"chat_id": turn.chat_id, "message_id": turn.message_ids[0]}
        form = {"model": "gpt-4o-mini", "messages": MESSAGES, "metadata": said}
        assert user.post("/openai/chat/completions", json=form).status_code == 200
        turn.wait()
        wait_until(lambda: "status" in turn.types(), timeout=10, what="the status line is there")
    [line] = [event["data"]["description"] for event in turn.events if event["type"] == "status"]
    assert line.startswith("7 in · 40 out")


def test_a_report_that_cannot_be_true_does_not_use_up_a_limit(admin: Client, provider: Provider) -> None:
    provider.behave("gpt-4o-mini", prompt=10**11, visible=5)
    assert admin.post("/api/chat/completions", json={"model": "gpt-4o-mini", "messages": MESSAGES}).status_code == 200
    usage = admin.usage_groups()[GROUP]["usage"]
    assert usage["calls"] == 1
    assert usage["total"] < 1000


def test_a_ledger_that_an_earlier_version_kept_in_open_webuis_file_is_moved(
    start_openwebui: Callable[..., OpenWebUI], provider: Provider
) -> None:
    server = start_openwebui()
    server.stop()
    server.ledger_file.unlink()
    engine = engine_like_open_webui(f"sqlite:///{server.data}/webui.db")
    store = Store(engine)
    store.migrate()
    store.create_group("old", ["gpt-4o-mini"], 10**6, "billed")
    store.record([a_call("gpt-4o-mini") for _ in range(5)])
    store.close()
    engine.dispose()
    server.start()
    assert "5 calls were moved" in server.log_text()
    server.admin.stream("gpt-4o-mini")
    assert server.admin.usage_groups()["old"]["usage"]["calls"] == 6
    assert len(Ledger(server).all()) == 6
    server.stop()
    server.start()
    assert server.admin.usage_groups()["old"]["usage"]["calls"] == 6
