"""The tools of the other tests: a stand-in that bills what it reports, and an Open WebUI that chats through it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.clients import text
from tests.support.forks import ForkServer
from tests.support.host import HostEnvironment
from tests.support.openwebui import OpenWebUI
from tests.support.process import Process, wait_until
from tests.support.provider import Call, Provider
from tests.support.services import Postgres, Redis
from tests.support.ui import TASKS

pytestmark = pytest.mark.nightly
MESSAGES = [{"role": "user", "content": "Hello there, and how are you today?"}]


def chat(model: str, **body: Any) -> dict[str, Any]:
    return {"model": model, "messages": MESSAGES, **body}


WIRES = {
    "chat": ("/openai/v1/chat/completions", chat("o3-mini")),
    "responses": ("/responses/v1/responses", {"model": "gpt-5-mini", "input": "Hello"}),
    "anthropic": ("/anthropic/v1/messages", chat("claude-sonnet-4-5", max_tokens=100)),
    "ollama chat": ("/ollama/api/chat", chat("gpt-oss:20b")),
    "ollama generate": ("/ollama/api/generate", {"model": "llama3.2:latest", "prompt": "Hello"}),
    "ollama text": ("/ollama/v1/completions", {"model": "llama3.2:latest", "prompt": "Hello"}),
}


class TestTheStandIn:
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    @pytest.mark.parametrize(("path", "body"), WIRES.values(), ids=WIRES.keys())
    def test_bills_what_it_reports(self, provider: Provider, path: str, body: dict[str, Any], stream: bool) -> None:
        asked = {"stream_options": {"include_usage": True}} if stream and "/v1/c" in path else {}
        answer = provider.post(path, {**body, "stream": stream, **asked})
        assert answer.status_code == httpx.codes.OK, answer.text
        [call] = provider.calls()
        assert (call.ended, call.stream) == ("done", stream)
        assert call.reported is not None
        assert json.dumps(call.reported, separators=(",", ":"))[1:-1] in answer.text.replace(": ", ":").replace(
            ", ", ","
        )
        assert billed(call) == told(call.reported)

    @pytest.mark.parametrize(
        ("model", "completion", "total"),
        [("o3-mini", 268, 268 + 8), ("grok-3-mini", 12, 268 + 8), ("gemini-2.5-flash", 12, 268 + 8)],
    )
    def test_speaks_the_dialects(self, provider: Provider, model: str, completion: int, total: int) -> None:
        usage = provider.post("/openai/v1/chat/completions", chat(model)).json()["usage"]
        assert (usage["completion_tokens"], usage["total_tokens"]) == (completion, total)
        [call] = provider.calls()
        assert call.billed is not None
        assert (call.billed["output"], call.billed["completion"]) == (268, completion)

    @pytest.mark.parametrize("model", ["split-bytes", "byte-by-byte", "crlf"])
    def test_cuts_bytes_but_loses_none(self, provider: Provider, model: str) -> None:
        body = chat(model, stream=True, stream_options={"include_usage": True})
        lines = provider.post("/openai/v1/chat/completions", body).text.splitlines()
        chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        assert text(chunks).endswith("naïve, 漢字, 🙂🙂 and done.")
        assert chunks[-1]["usage"] == provider.calls()[0].reported

    @pytest.mark.parametrize("model", ["silent", "gpt-4o-mini"])
    def test_tells_no_usage_unless_asked(self, provider: Provider, model: str) -> None:
        answer = provider.post("/openai/v1/chat/completions", chat(model, stream=True))
        assert "usage" not in answer.text
        [call] = provider.calls()
        assert call.reported is None
        assert call.billed is not None
        assert call.billed["output"] == 12

    def test_bills_a_client_that_leaves_for_what_was_made(self, provider: Provider) -> None:
        provider.behave("slow", delay=0.02)
        url, body = f"{provider.url}/openai/v1/chat/completions", chat("slow", stream=True)
        with httpx.stream("POST", url, json=body, trust_env=False) as answer:
            for number, _ in enumerate(answer.iter_lines()):
                if number > 20:
                    break
        [call] = provider.ended_calls(1)
        assert call.ended == "gone"
        assert call.billed is not None
        assert 5 <= call.billed["output"] < 60

    @pytest.mark.parametrize(
        "key", [{"foo": 1}, {"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}], ids=str
    )
    def test_refuses_what_its_api_does_not_have(self, provider: Provider, key: dict[str, Any]) -> None:
        answer = provider.post("/openai/v1/chat/completions", chat("gpt-4o-mini", **key))
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert provider.calls()[0].ended == "refused"

    def test_refuses_a_behaviour_that_it_does_not_know(self, provider: Provider) -> None:
        with pytest.raises(ValueError, match="no such behaviour: chunk"):
            provider.behave("gpt-4o-mini", chunk=3)


class TestTheEnvironments:
    def test_what_is_installed_on_top_leaves_open_webui_alone(
        self, new_host: Callable[..., HostEnvironment], bare_host: HostEnvironment, wheel: Path
    ) -> None:
        host, bare = new_host(plugin=False), bare_host.packages()
        assert host.packages() == bare
        host.install(wheel)
        assert host.packages().items() > bare.items(), "something that Open WebUI pins has moved"
        assert "openwebui-usage" in host.packages()
        host.pip("uninstall", "--yes", "openwebui-usage")
        assert "openwebui-usage" not in host.packages()
        assert bare_host.packages() == bare


WHO_AM_I = """
import json, os, sys
json.dump({
    "arguments": sys.argv[1:],
    "environment": {name: value for name, value in os.environ.items() if name != "LC_CTYPE"},
    "folder": os.getcwd(),
    "hooks": [type(finder).__name__ for finder in sys.meta_path if type(finder).__module__.startswith("openwebui")],
    "interpreter": [sys.executable, sys.prefix, sys.exec_prefix],
    "name": __name__,
    "open_webui": [name for name in sys.modules if name.partition(".")[0] == "open_webui"],
    "path": sys.path,
    "standard input": os.readlink("/proc/self/fd/0"),
    "is leader": os.getpid() == os.getpgid(0) == os.getsid(0),
}, sys.stdout)
sys.exit(7)
"""


@pytest.mark.parametrize("plugin", [True, False], ids=["with the plugin", "without"])
def test_a_fork_is_what_a_fresh_process_is(
    fork_server: ForkServer, new_host: Callable[..., HostEnvironment], tmp_path: Path, plugin: bool
) -> None:
    host = new_host(plugin=plugin)
    script = host.prefix / "bin" / "who-am-i"
    script.write_text(WHO_AM_I)
    said = []
    for name, fork in (("fresh", None), ("fork", fork_server.of(host))):
        log, env = tmp_path / name, {"HOME": str(tmp_path), "TZ": "Asia/Kathmandu"}
        command = [script, "a", "b"] if fork else [host.python, script, "a", "b"]
        process = Process(command, env=env, cwd=tmp_path, log=log, fork=fork)
        wait_until(lambda: not process.running, timeout=60, what="it has ended", details=process.log_tail)  # noqa: B023
        assert process.exit_code == 7, process.log_tail()
        said.append(json.loads(log.read_text()))
    fresh, fork_ = said
    assert fork_ == fresh
    assert fresh["hooks"] == (["_Finder"] if plugin else [])


def test_a_fork_is_stopped_and_killed_as_any_process(
    fork_server: ForkServer, bare_host: HostEnvironment, tmp_path: Path
) -> None:
    script = tmp_path / "sleep.py"
    script.write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")

    def start(name: str) -> Process:
        process = Process([script], env={}, cwd=tmp_path, log=tmp_path / name, fork=fork_server.of(bare_host))
        wait_until(lambda: "here" in process.log_tail(), timeout=60, what="it runs", details=process.log_tail)
        return process

    stopped, killed = start("stopped"), start("killed")
    assert stopped.stop(signal.SIGTERM) == -signal.SIGTERM
    assert killed.running
    killed.kill()
    assert killed.exit_code == -signal.SIGKILL


class TestBareOpenWebUI:
    def test_chats_over_the_api(self, bare_openwebui: OpenWebUI, provider: Provider) -> None:
        admin = bare_openwebui.admin
        assert admin.chat("gpt-4o", "Hello there")["usage"]["total_tokens"] == 1290
        assert text(admin.stream("gpt-4o-mini", "Hello again")).startswith("all happy families")
        first, second = provider.ended_calls(2)
        assert (first.model, first.stream, second.model, second.stream) == ("gpt-4o", False, "gpt-4o-mini", True)

    @pytest.mark.parametrize(
        ("model", "api"),
        [
            ("gpt-4o-mini", "chat"),
            ("gpt-5-mini", "responses"),
            ("claude-sonnet-4-5", "chat"),
            ("llama3.2:latest", "ollama_chat"),
        ],
    )
    def test_chats_as_the_page_does(self, bare_openwebui: OpenWebUI, provider: Provider, model: str, api: str) -> None:
        with bare_openwebui.admin.ui() as ui:
            turn = ui.ask(model, "Hello there", tasks=TASKS).wait()
            assert turn.text().startswith("all happy families")
            again = ui.ask(model, "And then?", after=turn).wait()
            assert again.chat_id == turn.chat_id
        calls = provider.ended_calls(5)
        assert {call.api for call in calls} == {api}
        assert sum(call.task for call in calls) == 3

    def test_takes_anthropic_messages_as_they_are(self, bare_openwebui: OpenWebUI, provider: Provider) -> None:
        body = chat("claude-sonnet-4-5", max_tokens=100)
        assert bare_openwebui.admin.request("POST", "/api/v1/messages", body)["usage"]["input_tokens"] == 100
        assert provider.ended_calls(1)[0].api == "messages"

    def test_stops_an_answer(self, bare_openwebui: OpenWebUI, provider: Provider) -> None:
        with bare_openwebui.admin.ui() as ui:
            turn = ui.ask("slow").wait_for_text()
            turn.stop()
            [call] = provider.ended_calls(1, task=False)
            assert call.ended == "gone"

    def test_answers_several_models_and_uses_tools(self, bare_openwebui: OpenWebUI, provider: Provider) -> None:
        with bare_openwebui.admin.ui() as ui:
            ui.ask(["gpt-4o-mini", "llama3.2:latest"]).wait()
            assert {call.model for call in provider.ended_calls(2)} == {"gpt-4o-mini", "llama3.2:latest"}
            provider.reset()
            ui.ask("tool-user").wait()
        first, second = provider.ended_calls(2)
        assert second.request["messages"][-1]["role"] == "tool", (first, second)

    def test_knows_its_users(self, bare_openwebui: OpenWebUI) -> None:
        admin = bare_openwebui.admin
        assert admin.user["role"] == "admin"
        user, pending = admin.add_user(), admin.add_user(role="pending")
        assert "gpt-4o-mini" in user.models()
        assert user.with_api_key().chat("gpt-4o-mini")["choices"]
        assert pending.get("/api/models").status_code == httpx.codes.UNAUTHORIZED
        assert bare_openwebui.anonymous().get("/api/models").status_code == httpx.codes.UNAUTHORIZED

    def test_runs_functions_and_workspace_models(self, bare_openwebui: OpenWebUI, provider: Provider) -> None:
        admin = bare_openwebui.admin
        admin.add_model("my-helper", base="gpt-4o-mini", params={"system": "Be brief."})
        admin.add_function(
            "shout",
            "class Filter:\n"
            "    def inlet(self, body):\n"
            "        body['messages'][-1]['content'] = body['messages'][-1]['content'].upper()\n"
            "        return body\n",
        )
        try:
            admin.chat("my-helper", "hello")
        finally:
            admin.request("DELETE", "/api/v1/functions/id/shout/delete")
        [call] = provider.ended_calls(1)
        assert call.request["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "HELLO"},
        ]


def test_several_workers_share_postgres_and_redis(
    start_openwebui: Callable[..., OpenWebUI], postgres: Postgres, redis: Redis, provider: Provider
) -> None:
    server = start_openwebui(plugin=False, workers=2, database_url=postgres.new_database(), redis_url=redis.url)
    with server.admin.ui() as ui:
        ui.ask("gpt-4o-mini").wait()
    server.kill9()
    server.start()
    assert server.admin.chat("gpt-4o-mini")["choices"]
    assert len(provider.ended_calls(2)) == 2


def billed(call: Call) -> dict[str, int]:
    assert call.billed is not None
    return {name: call.billed[name] for name in ("prompt", "completion", "cached")}


def told(usage: dict[str, Any]) -> dict[str, int]:
    """The same three numbers out of any API's usage."""
    if "prompt_eval_count" in usage:
        return {"prompt": usage["prompt_eval_count"], "completion": usage["eval_count"], "cached": 0}
    if "cache_read_input_tokens" in usage:
        read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
        prompt = usage["input_tokens"] + read + written
        return {"prompt": prompt, "completion": usage["output_tokens"], "cached": read}
    prompt_name, completion_name = ("prompt", "completion") if "prompt_tokens" in usage else ("input", "output")
    return {
        "prompt": usage[f"{prompt_name}_tokens"],
        "completion": usage[f"{completion_name}_tokens"],
        "cached": usage[f"{prompt_name}_tokens_details"]["cached_tokens"],
    }
