"""What one may rely on in accounts, and in what stands between them and somebody who guesses."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import random
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from openwebui_usage.client.accounts import AccountExists, AccountMissing, Accounts, OtherSecret
from openwebui_usage.client.addresses import client_address, parse_networks
from openwebui_usage.client.log_redaction import TokensHidden, hide_tokens
from openwebui_usage.client.memory_buckets import MOST_REMEMBERED, MemoryBuckets
from openwebui_usage.client.storage import ConfigError, Place, database_of
from openwebui_usage.client.throttling import (
    EVERYWHERE,
    PER_ADDRESS,
    PER_SITE,
    REJECTED,
    Bucket,
    Guesses,
    Rate,
    TooMany,
)
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.ledger import Store
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.money import NANO
from openwebui_usage.settings import ClientSettings
from tests.support.recorder import a_call, engine_like_open_webui
from tests.support.tables import give_tables

SECRET = b"for tests only"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/client.db")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Iterator[Store]:
    store = Store(engine)
    give_tables(engine)
    yield store
    store.close()


@pytest.fixture
def accounts(engine: Engine, store: Store) -> Accounts:
    return Accounts(engine, TokenHasher(SECRET))


def spend(store: Store, user_id: str, calls: int = 1) -> None:
    """Calls of gpt-4o with 100 tokens in, 20 of them cached, and 10 out: 0.000325 US dollars each."""
    store.record([a_call(user_id=user_id) for _ in range(calls)])


class TestAccounts:
    def test_a_token_is_eight_small_letters_and_digits_and_opens_its_account(self, accounts: Accounts) -> None:
        tokens = set()
        for number in range(50):
            status, token = accounts.create(f"user {number}")
            assert re.fullmatch("[a-z0-9]{8}", token)
            assert accounts.find(token) == status.account
            assert status.account.token_start == token[:2]
            tokens.add(token)
        assert len(tokens) == 50

    def test_nobody_who_knows_the_clock_or_the_seed_knows_the_next_token(self) -> None:
        tokens = set()
        for _ in range(20):
            random.seed(1)
            tokens.add(TokenHasher.new_token())
        assert len(tokens) == 20

    def test_a_token_is_compared_in_constant_time(self, accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
        _, token = accounts.create("Ann")
        compared = []
        monkeypatch.setattr(hmac, "compare_digest", lambda *hashes: compared.append(hashes) or False)
        with pytest.raises(AccountMissing):
            accounts.find(token)
        assert compared == [(TokenHasher(SECRET).hash(token),) * 2]

    def test_the_limit_is_1000_dollars_unless_said_otherwise(self, accounts: Accounts) -> None:
        assert accounts.create("one")[0].limit_nano == 1000 * NANO
        assert accounts.create("other", 5 * NANO)[0].limit_nano == 5 * NANO

    def test_the_database_knows_no_token(self, accounts: Accounts, engine: Engine) -> None:
        _, token = accounts.create("Ann")
        with engine.connect() as connection:
            tables = ("usage_account", "usage_budget", "usage_total", "usage_call")
            stored = str([list(connection.exec_driver_sql(f"SELECT * FROM {table}")) for table in tables])
        assert "Ann" in stored
        assert token not in stored

    @pytest.mark.parametrize(
        "token", ["", "aaaaaaa", "aaaaaaaaa", "AAAAAAAA", "aaaa-aaa", "ä" * 8, "' OR 1=1", "\ud800"]
    )
    def test_what_is_no_token_opens_nothing(self, accounts: Accounts, token: str) -> None:
        accounts.create("Ann")
        with pytest.raises(AccountMissing):
            accounts.find(token)

    def test_another_secret_knows_no_token_and_makes_none(self, accounts: Accounts, engine: Engine) -> None:
        _, token = accounts.create("Ann")
        other = Accounts(engine, TokenHasher(b"another"))
        with pytest.raises(AccountMissing):
            other.find(token)
        assert (accounts.made_elsewhere(), other.made_elsewhere()) == (0, 1)
        with pytest.raises(OtherSecret):
            other.create("Bob")
        _, token = other.rotate(other.named("Ann").id)
        assert other.find(token).name == "Ann"
        assert other.create("Bob")[0].account.name == "Bob"

    def test_a_name_is_taken_once(self, accounts: Accounts) -> None:
        accounts.create("Ann")
        with pytest.raises(AccountExists):
            accounts.create("Ann")

    def test_cost_tokens_and_requests_are_the_ledgers(self, accounts: Accounts, store: Store) -> None:
        status, _ = accounts.create("Ann", NANO)
        spend(store, status.account.user_id, 3)
        spend(store, "somebody else")
        now = accounts.status(status.account.id)
        assert (now.requests, now.tokens, now.sums.cost_nano) == (3, 330, 3 * 325_000)
        assert now.remaining_nano == NANO - 3 * 325_000

    def test_reset_counts_requests_from_zero_and_keeps_the_rest(self, accounts: Accounts, store: Store) -> None:
        account = accounts.create("Ann")[0].account
        spend(store, account.user_id, 3)
        assert accounts.reset_requests(account.id).requests == 0
        spend(store, account.user_id)
        now = accounts.status(account.id)
        assert (now.requests, now.sums.calls, now.tokens) == (1, 4, 440)

    def test_a_reset_does_not_reach_into_a_later_period(self, accounts: Accounts, store: Store, engine: Engine) -> None:
        account = accounts.create("Ann")[0].account
        spend(store, account.user_id, 3)
        accounts.reset_requests(account.id)
        store.update_budget("account Ann", {"period": "day"})
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE usage_account SET requests_reset_at = requests_reset_at - 172800")
        assert accounts.status(account.id).requests == 3

    @pytest.mark.parametrize("periods", [("total", "day", "total"), ("day", "total", "last 5 hours", "year")])
    def test_a_reset_is_remembered_whatever_the_period_is_then(
        self, accounts: Accounts, store: Store, periods: tuple[str, ...]
    ) -> None:
        account = accounts.create("Ann")[0].account
        store.update_budget("account Ann", {"period": periods[0]})
        spend(store, account.user_id, 3)
        accounts.reset_requests(account.id)
        spend(store, account.user_id, 2)
        for period in periods:
            store.update_budget("account Ann", {"period": period})
            assert accounts.status(account.id).requests == 2, period

    def test_toggle_shuts_out_and_lets_in(self, accounts: Accounts) -> None:
        account = accounts.create("Ann")[0].account
        assert [accounts.toggle(account.id).account.is_active for _ in range(3)] == [False, True, False]

    def test_rotate_voids_the_old_token(self, accounts: Accounts) -> None:
        status, old = accounts.create("Ann")
        rotated, new = accounts.rotate(status.account.id)
        assert rotated.account.token_start == new[:2]
        assert accounts.find(new).id == status.account.id
        with pytest.raises(AccountMissing):
            accounts.find(old)

    @pytest.mark.parametrize(("amount", "limit"), [(5, 15), (-4, 6), (-50, 0)])
    def test_a_limit_is_raised_and_lowered_never_below_zero(self, accounts: Accounts, amount: int, limit: int) -> None:
        account = accounts.create("Ann", 10 * NANO)[0].account
        assert accounts.add_limit(account.id, amount * NANO).limit_nano == limit * NANO

    def test_without_its_budget_an_account_has_no_limit_until_it_gets_one(
        self, accounts: Accounts, store: Store
    ) -> None:
        account = accounts.create("Ann", NANO)[0].account
        spend(store, account.user_id, 2)
        store.delete_budget("account Ann")
        now = accounts.status(account.id)
        assert (now.limit_nano, now.remaining_nano, now.requests, now.tokens) == (None, None, 2, 220)
        again = accounts.add_limit(account.id, 3 * NANO)
        assert (again.limit_nano, again.requests, again.tokens) == (3 * NANO, 2, 220)
        spend(store, account.user_id)
        assert accounts.status(account.id).requests == 3

    def test_credit_is_allowed_beside_the_limit(self, accounts: Accounts, store: Store) -> None:
        account = accounts.create("Ann", NANO)[0].account
        other = accounts.create("Bob", NANO)[0].account
        store.add_credit(Credit("", "account Ann", 5 * NANO))
        spend(store, account.user_id)
        now = accounts.status(account.id)
        assert (now.limit_nano, now.allowed_nano, now.remaining_nano) == (NANO, 6 * NANO, 6 * NANO - 325_000)
        assert accounts.add_limit(account.id, 2 * NANO).limit_nano == 3 * NANO
        allowed = {status.account.id: status.allowed_nano for status in accounts.all()}
        assert allowed == {account.id: 8 * NANO, other.id: NANO}

    def test_whoever_has_the_name_next_has_none_of_the_credit(self, accounts: Accounts, store: Store) -> None:
        account = accounts.create("Ann", NANO)[0].account
        store.add_credit(Credit("", "account Ann", 5 * NANO))
        accounts.delete(account.id)
        accounts.create("Ann", NANO)
        assert store.credits("account Ann") == []

    def test_a_further_budget_of_an_admin_is_not_taken_for_the_limit(self, accounts: Accounts, store: Store) -> None:
        from openwebui_usage.rules.budgets import Budget, Scope

        account = accounts.create("Ann", NANO)[0].account
        store.create_budget(Budget("", "daily", 5, "requests", Scope("user", account.user_id), period="day"))
        assert accounts.status(account.id).limit_nano == NANO

    def test_delete_keeps_the_rows_of_the_ledger(self, accounts: Accounts, store: Store, engine: Engine) -> None:
        account = accounts.create("Ann")[0].account
        spend(store, account.user_id)
        accounts.delete(account.id)
        assert accounts.all() == []
        assert store.budgets() == []
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM usage_call").scalar() == 1
        with pytest.raises(AccountMissing):
            accounts.delete(account.id)

    def test_who_called_last_is_known(self, accounts: Accounts) -> None:
        account = accounts.create("Ann")[0].account
        accounts.used(account.id, "192.0.2.7")
        seen = accounts.named("Ann")
        assert seen.last_ip == "192.0.2.7"
        assert seen.last_used is not None
        assert seen.last_used >= account.created_at


class Clock:
    """Time as a test wants it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestGuessing:
    @staticmethod
    async def guess(guesses: Guesses, address: str, token: str, right: str = "right") -> bool:
        try:
            async with guesses.guess(address, token, AccountMissing):
                await asyncio.sleep(0)
                if token != right:
                    raise AccountMissing
        except AccountMissing:
            return False
        return True

    def test_ten_wrong_tokens_then_one_a_minute(self) -> None:
        clock = Clock()
        guesses = Guesses(MemoryBuckets(clock))

        async def run() -> None:
            for number in range(PER_ADDRESS.burst):
                assert not await self.guess(guesses, "192.0.2.1", f"{number}")
            with pytest.raises(TooMany) as wait:
                await self.guess(guesses, "192.0.2.1", "right")
            assert 50 < wait.value.seconds <= 60
            assert await self.guess(guesses, "192.0.2.2", "right")
            clock.now += wait.value.seconds
            assert not await self.guess(guesses, "192.0.2.1", "wrong")
            with pytest.raises(TooMany):
                await self.guess(guesses, "192.0.2.1", "wrong")

        asyncio.run(run())

    def test_many_guesses_at_once_are_not_more_than_one_after_the_other(self) -> None:
        guesses = Guesses(MemoryBuckets(Clock()))

        async def run() -> list[object]:
            tries = (self.guess(guesses, "192.0.2.1", f"{number}") for number in range(100))
            return list(await asyncio.gather(*tries, return_exceptions=True))

        verdicts = asyncio.run(run())
        assert verdicts.count(False) == PER_ADDRESS.burst
        assert sum(isinstance(verdict, TooMany) for verdict in verdicts) == 100 - PER_ADDRESS.burst

    def test_a_token_that_was_right_stays_usable_beside_a_guesser(self) -> None:
        guesses = Guesses(MemoryBuckets(Clock()))

        async def run() -> None:
            assert await self.guess(guesses, "192.0.2.1", "right")
            for number in range(PER_ADDRESS.burst):
                await self.guess(guesses, "192.0.2.1", f"{number}")
            assert await self.guess(guesses, "192.0.2.1", "right")
            # Void by now: it counts as wrong, and is not asked about again.
            assert not await self.guess(guesses, "192.0.2.1", "right", right="new")
            with pytest.raises(TooMany):
                await self.guess(guesses, "192.0.2.1", "right", right="new")

        asyncio.run(run())

    async def wrong(self, guesses: Guesses, addresses: Iterable[str]) -> int:
        """Guess once from each until it is too much; how many were looked at."""
        for number, address in enumerate(addresses):
            try:
                assert not await self.guess(guesses, address, "wrong")
            except TooMany:
                return number
        raise AssertionError("it was never too much")

    @pytest.mark.parametrize(
        ("pattern", "admitted"),
        [
            ("2001:db8::{0:x}", PER_ADDRESS.burst),  # one customer
            ("2001:db8:0:{0:x}::1", PER_SITE.burst),  # one tunnel
            ("2001:db8:{0:x}::1", EVERYWHERE.burst),
            ("192.0.2.{0}", PER_SITE.burst),
            ("10.{0}.1.1", EVERYWHERE.burst),
        ],
    )
    def test_many_addresses_are_slow_too(self, pattern: str, admitted: int) -> None:
        addresses = (pattern.format(number % 200) for number in range(2000))
        assert asyncio.run(self.wrong(Guesses(MemoryBuckets(Clock())), addresses)) == admitted

    def test_who_was_there_before_stays_in_while_the_whole_world_guesses(self) -> None:
        async def run() -> None:
            guesses = Guesses(MemoryBuckets(Clock()), [("203.0.113.7", "right")])
            await self.wrong(guesses, (f"10.{number % 256}.{number // 256}.1" for number in range(1000)))
            assert await self.guess(guesses, "203.0.113.7", "right")
            with pytest.raises(TooMany):
                await self.guess(guesses, "203.0.113.8", "right")

        asyncio.run(run())

    def test_what_is_refused_tells_a_neighbour_no_token(self) -> None:
        """A guess that is refused must not go on being one: right tokens of the same address are answered."""

        async def run() -> int:
            guesses = Guesses(MemoryBuckets(Clock()), [("192.0.2.1", "right")])
            for number in range(100_000):
                with contextlib.suppress(TooMany):
                    await self.guess(guesses, "192.0.2.1", f"{number}")
                try:
                    assert await self.guess(guesses, "192.0.2.1", "right")
                except TooMany:
                    return number
            raise AssertionError("each of any number of guesses was one at the neighbour's token")

        assert asyncio.run(run()) < PER_ADDRESS.burst + REJECTED.burst

    def test_memory_is_bounded(self) -> None:
        buckets, rate = MemoryBuckets(Clock()), Rate("test", 2, 60)

        async def run() -> None:
            for number in range(MOST_REMEMBERED + 500):
                await buckets.take(Bucket(rate, str(number)))
                await buckets.prove(str(number))
                assert await buckets.is_proven("0")  # What is used is not forgotten.
            assert not await buckets.is_proven("500")
            assert await buckets.is_proven("501")

        asyncio.run(run())
        assert len(buckets._empty_at["test"]) == MOST_REMEMBERED

    def test_a_rate_admits_a_burst_and_then_one_at_a_time(self) -> None:
        clock = Clock()
        buckets, rate = MemoryBuckets(clock), Rate("test", 3, 10)

        async def run() -> None:
            for _ in range(3):
                await buckets.take(Bucket(rate, "a"))
            with pytest.raises(TooMany) as wait:
                await buckets.take(Bucket(rate, "a"))
            assert wait.value.seconds == 10
            await buckets.take(Bucket(rate, "b"))
            clock.now += 10
            await buckets.take(Bucket(rate, "a"))

        asyncio.run(run())


class TestAddresses:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "trusted", "address"),
        [
            ("192.0.2.1", ["203.0.113.5"], "", "192.0.2.1"),
            ("192.0.2.1", ["203.0.113.5"], "10.0.0.0/8", "192.0.2.1"),
            ("10.1.1.1", ["203.0.113.5"], "10.0.0.0/8", "203.0.113.5"),
            ("10.1.1.1", ["1.1.1.1, 203.0.113.5, 10.2.2.2"], "10.0.0.0/8", "203.0.113.5"),
            ("10.1.1.1", ["1.1.1.1", "203.0.113.5"], "10.0.0.0/8", "203.0.113.5"),
            ("10.1.1.1", ["203.0.113.5:1234"], "10.0.0.0/8", "203.0.113.5"),
            ("::1", ["[2001:db8::5]:80"], "::1", "2001:db8::5"),
            ("::ffff:10.1.1.1", ["203.0.113.5"], "10.0.0.0/8", "203.0.113.5"),
            ("10.1.1.1", ["nonsense"], "10.0.0.0/8", "10.1.1.1"),
            ("10.1.1.1", [], "*", "10.1.1.1"),
            (None, ["203.0.113.5"], "*", "unknown"),
        ],
    )
    def test_a_forwarded_address_counts_where_a_trusted_proxy_says_it(
        self, peer: str | None, forwarded: list[str], trusted: str, address: str
    ) -> None:
        assert client_address(peer, forwarded, parse_networks(trusted)) == address

    @pytest.mark.parametrize(
        ("forwarded", "trusted", "address"),
        [
            ([], "", "6.6.6.6"),
            (["6.6.6.6"], "", "6.6.6.6"),
            (["6.6.6.6, 203.0.113.5"], "", "203.0.113.5"),
            (["6.6.6.6, 203.0.113.5, 10.1.1.1"], "10.0.0.0/8", "203.0.113.5"),
        ],
    )
    def test_behind_a_server_that_believes_everybody_the_last_address_counts(
        self, forwarded: list[str], trusted: str, address: str
    ) -> None:
        assert client_address("6.6.6.6", forwarded, parse_networks(trusted), rewritten=True) == address

    def test_nonsense_among_the_proxies_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"'proxy\.local' is no address"):
            parse_networks("127.0.0.1, proxy.local")


class TestLogs:
    @pytest.mark.parametrize(
        ("line", "hidden"),
        [
            ("GET /user/stats/ab12cd34 HTTP/1.1", "GET /user/stats/… HTTP/1.1"),
            ("/o1/user/stats/ab12cd34?x=1", "/o1/user/stats/…?x=1"),
            ("/?a=b&token=ab12cd34&c=d", "/?a=b&token=…&c=d"),
            ("/user/stats HTTP/1.1", "/user/stats HTTP/1.1"),
        ],
    )
    def test_tokens_are_taken_out_of_addresses(self, line: str, hidden: str) -> None:
        assert hide_tokens(line) == hidden

    def test_an_access_log_shows_none(self, caplog: pytest.LogCaptureFixture) -> None:
        log = logging.getLogger("test.access")
        log.addFilter(TokensHidden())
        with caplog.at_level(logging.INFO, "test.access"):
            log.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/o1/user/stats/ab12cd34", "1.1", 200)
        assert "ab12cd34" not in caplog.text
        assert "/o1/user/stats/…" in caplog.text


class TestPlaces:
    def test_database_and_secret_are_for_their_owner_alone(self, tmp_path: Path) -> None:
        place = Place(f"sqlite:///{tmp_path}/new/client.db")
        place.engine().dispose()
        first = place.hasher(ClientSettings())
        assert first.hash("a") == place.hasher(ClientSettings()).hash("a")
        for name in ("client.db", "usage-client.secret"):
            assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600

    def test_a_file_may_be_named_by_its_path(self, tmp_path: Path) -> None:
        assert database_of(f"{tmp_path}/x.db", ClientSettings()).file == tmp_path / "x.db"
        assert database_of("postgres://u@h/d", ClientSettings()).url == "postgresql://u@h/d"
        with pytest.raises(ConfigError, match="--database"):
            database_of("://", ClientSettings())

    def test_an_empty_secret_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "usage-client.secret").write_text("")
        with pytest.raises(ConfigError, match="holds no secret"):
            Place(f"sqlite:///{tmp_path}/client.db").hasher(ClientSettings())
