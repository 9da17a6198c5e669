"""The commands of the token client: its users and prices, on a file of its own."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from tests.support.process import free_port
from tests.support.tokenclient import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


class TestUsers:
    def test_create_shows_the_token_this_once(self, place: Place) -> None:
        done = place.run("users", "create", "Your Name", "--limit", "100.0")
        assert done.returncode == 0, done.stderr
        assert 'Created user "Your Name" with a limit of $100.00.' in done.stdout
        token = re.search("^Token: ([a-z0-9]{8})$", done.stdout, re.MULTILINE)
        assert token
        shown = place.run("users", "list").stdout
        assert token[1] not in shown
        assert f"{token[1][:2]}******" in shown
        for name in ("usage-client.db", "usage-client.secret"):
            assert stat.S_IMODE((place.directory / name).stat().st_mode) == 0o600

    def test_the_limit_is_1000_dollars_by_default(self, place: Place) -> None:
        assert place.users("create", "Ann")["usage_limit"] == 1000.0

    def test_list_is_a_table_of_all(self, place: Place) -> None:
        assert "There are no users yet" in place.run("users", "list").stdout
        assert place.users("list") == []
        place.create("Ann", 12.5)
        place.create("Bob Longname")
        lines = place.run("users", "list").stdout.splitlines()
        assert re.split(r"\s{2,}", lines[0]) == [
            "Name", "Token", "Cost", "Limit", "Remaining", "Requests", "Status", "Last used (UTC)", "Last IP",
        ]  # fmt: skip
        assert re.split(r"\s{2,}", lines[2].rstrip())[2:] == ["$0.00", "$12.50", "$12.50", "0", "active", "never"]
        assert [user["name"] for user in place.users("list")] == ["Ann", "Bob Longname"]

    def test_every_verb_takes_a_token_or_a_name(self, place: Place) -> None:
        token = place.create("Ann", 10)
        assert place.users("toggle", token)["is_active"] is False
        assert place.users("toggle", "--name", "Ann")["is_active"] is True
        assert place.users("reset", token)["request_count"] == 0
        assert place.users("reset", "--name", "Ann")["requests_reset_at"]
        assert place.users("add-limit", token, "5.50")["usage_limit"] == 15.5
        assert place.users("add-limit", "--name", "Ann", "-3")["usage_limit"] == 12.5
        fresh = place.users("rotate", token)["token"]
        assert fresh != token
        assert place.run("users", "toggle", token).returncode == 1
        newest = place.users("rotate", "--name", "Ann")["token"]
        assert place.users("delete", newest, "--yes")["name"] == "Ann"
        assert place.users("list") == []

    def test_delete_asks_first(self, place: Place) -> None:
        token = place.create("Ann")
        done = place.run("users", "delete", token)
        assert (done.returncode, done.stderr) == (1, "Nothing was deleted: add --yes.\n")
        assert len(place.users("list")) == 1

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["create", ""], "name: must have 1 to 100 characters (got '')"),
            (["create", "x" * 90], "name: must have 1 to 80 characters (got 90)"),
            (["create", "a/b"], "name: must not contain slashes"),
            (["create", "Ann"], 'A user "Ann" exists already.'),
            (["create", "Bob", "--limit", "lots"], "--limit: must be an amount in US dollars"),
            (["create", "Bob", "--limit", "-1"], "--limit: must not be negative"),
            (["create", "Bob", "--limit", "nan"], "--limit: must be an amount in US dollars"),
            (["toggle", "nobody12"], "There is no such user"),
            (["toggle", "--name", "Nobody"], "There is no such user"),
            (["toggle"], "Give a token, or --name."),
            (["toggle", "nobody12", "--name", "Ann"], "Give a token, or --name."),
            (["add-limit", "--name", "Ann", "much"], "AMOUNT: must be an amount in US dollars"),
            (["add-limit", "5"], "Give a token and an amount, or --name and an amount."),
        ],
    )
    def test_what_cannot_be_done_is_said_in_one_sentence(
        self, place: Place, arguments: list[str], complaint: str
    ) -> None:
        place.create("Ann")
        done = place.run("users", *arguments)
        assert done.returncode in (1, 2)
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr
        assert len(place.users("list")) == 1

    def test_another_secret_makes_no_tokens(self, place: Place) -> None:
        place.create("Ann")
        done = place.run("users", "create", "Bob", OPENWEBUI_USAGE_CLIENT_SECRET="another")
        assert done.returncode == 1
        assert "made with another secret" in done.stderr

    def test_a_database_may_be_named(self, place: Place, tmp_path: Path) -> None:
        place.users("create", "Ann", "--database", "other/users.db")
        assert [user["name"] for user in place.users("list", "--database", f"sqlite:///{tmp_path}/other/users.db")] == [
            "Ann"
        ]
        assert [user["name"] for user in place.users("list", DATABASE_URL="sqlite:///other/users.db")] == ["Ann"]
        assert not (tmp_path / "usage-client.db").exists()

    def test_beside_open_webuis_file_the_ledgers_own_is_meant(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "webui.db").touch()
        place.users("create", "Ann", DATABASE_URL="sqlite:///webui.db", WEBUI_SECRET_KEY="for tests only")
        assert (tmp_path / "webui.db").stat().st_size == 0
        assert [user["name"] for user in place.users("list", "--database", "webui-usage.db")] == ["Ann"]

    def test_manage_py_has_the_same_verbs(self, place: Place) -> None:
        done = place.manage("create", "User Name", "--limit", "1000.0")
        token = re.search("Token: ([a-z0-9]{8})", done.stdout)
        assert token, done.stderr
        for arguments in (["list"], ["toggle", token[1]], ["reset", token[1]], ["add_limit", token[1], "5"]):
            done = place.manage(*arguments)
            assert done.returncode == 0, done.stderr
        assert place.users("list")[0]["usage_limit"] == 1005.0

    def test_help_names_the_verbs(self, place: Place) -> None:
        told = place.run("users", "--help").stdout
        assert all(verb in told for verb in ("create", "list", "toggle", "reset", "add-limit", "rotate", "delete"))
        assert "add_limit" not in told


class TestPrices:
    def test_a_model_without_a_price_is_named_when_a_user_is_made(self, place: Place) -> None:
        env = {"OPENAI_API_KEY": "sk-x", "OPENWEBUI_USAGE_CLIENT_MODEL": "house-model"}
        done = place.run("users", "create", "Ann", **env)
        assert "No price is known for house-model" in done.stderr
        assert "prices set house-model --input 15 --output 60" in done.stderr
        assert place.run("users", "create", "Ida").stderr == ""
        done = place.run("prices", "set", "house-model", "--input", "15", "--output", "60")
        assert done.stdout == "house-model: $15 for a million tokens in, $60 out.\n"
        assert place.run("users", "create", "Bob", **env).stderr == ""
        assert place.run("users", "create", "Eve", OPENAI_API_KEY="sk-x").stderr == ""

    def test_prices_are_listed_and_removed(self, place: Place) -> None:
        assert "You set no prices" in place.run("prices", "list").stdout
        place.run("prices", "set", "gpt-4o*", "--input", "2.50", "--output", "10", "--cached-input", "1.25")
        assert re.split(r"\s{2,}", place.run("prices", "list").stdout.splitlines()[2])[:4] == [
            "gpt-4o*", "2.5", "10", "1.25",
        ]  # fmt: skip
        listed = json.loads(place.run("prices", "list", "--json").stdout)
        assert (listed[0]["model"], listed[0]["input"], listed[0]["cached_input"]) == ("gpt-4o*", 2.5, 1.25)
        assert place.run("prices", "delete", "gpt-4o*").returncode == 0
        assert place.run("prices", "delete", "gpt-4o*").stderr == 'You set no price for "gpt-4o*".\n'

    @pytest.mark.parametrize(("option", "value"), [("--input", "x"), ("--output", "-1")])
    def test_a_wrong_price_is_named(self, place: Place, option: str, value: str) -> None:
        given = {"--input": "1", "--output": "1", option: value}
        done = place.run("prices", "set", "m", *(part for pair in given.items() for part in pair))
        assert done.returncode == 1
        assert done.stderr.startswith(f"{option[2:]}: must be a number, 0 to ")


class TestSettings:
    @pytest.mark.parametrize(
        ("variable", "value", "status", "complaint"),
        [
            ("OPENWEBUI_USAGE_CLIENT_RATE", "many", 2, "OPENWEBUI_USAGE_CLIENT_RATE: "),
            (
                "OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES",
                "proxy",
                2,
                "OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES: 'proxy' is no ",
            ),
            ("OPENWEBUI_USAGE_FAIL_CLOSED", "perhaps", 2, "OPENWEBUI_USAGE_FAIL_CLOSED: "),
            ("OPENWEBUI_USAGE_CLIENT_SECRET", "  ", 2, "OPENWEBUI_USAGE_CLIENT_SECRET: must not be blank"),
            ("DATABASE_URL", "postgresql+nothing://x/y", 1, "--database: "),
        ],
    )
    def test_a_wrong_setting_is_named(
        self, place: Place, variable: str, value: str, status: int, complaint: str
    ) -> None:
        done = place.run("client", "--port", str(free_port()), **{variable: value})
        assert done.returncode == status
        assert complaint in done.stderr
