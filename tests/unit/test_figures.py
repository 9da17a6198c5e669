"""How large the ledger is, and other numbers of it that cost next to nothing; saved views, on either database."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from openwebui_usage.ledger import Store, TooManyViews, ViewMissing, ViewOfAnother
from openwebui_usage.ledger.figures import Unpriced, unpriced_models
from openwebui_usage.ledger.outbox import put_notices
from openwebui_usage.ledger.views import MOST_VIEWS, SHARED, View
from openwebui_usage.rules.pricing import Price
from tests.support.recorder import a_call
from tests.unit.test_ledger import NewEngine, engine, new_engine, store, url  # noqa: F401 - fixtures

NOW = datetime(2026, 11, 28, 21, 40, tzinfo=UTC).timestamp()


class TestFigures:
    def test_of_an_empty_ledger(self, store: Store) -> None:
        figures = store.figures.read()
        assert figures.database.partition(" ")[0] in ("SQLite", "PostgreSQL")
        assert figures.database[-1].isdigit()
        assert not figures.rows
        assert figures.newest is None
        assert store.figures.notices() == (0, None, 0)

    def test_are_near_the_truth(self, store: Store, engine: Engine) -> None:
        store.record([a_call() for _ in range(40)])
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                connection.execute(text("ANALYZE usage_call"))  # As its daemon does every now and then.
        figures = store.figures.read()
        assert figures.rows == 40
        assert (figures.size or 0) > 4096
        assert abs((figures.newest or 0) - time.time()) < 60
        if figures.database.startswith("PostgreSQL"):
            assert abs((figures.clock or 0) - time.time()) < 60
        else:
            assert figures.clock is None

    def test_notices_that_were_tried_in_vain_are_told(self, store: Store, engine: Engine) -> None:
        with engine.begin() as connection:
            put_notices(connection, [{"event": "limit"}, {"event": "limit"}], NOW)
        assert store.figures.notices().tried == 0
        assert store.outbox.claim(NOW) is not None
        assert store.figures.notices() == (1, NOW, 1)

    def test_models_without_a_price_are_told(self, store: Store) -> None:
        store.put_price(Price("gpt-4o"))
        old = time.time() - 40 * 86_400
        store.record([a_call("gpt-4o"), *[a_call("nobody-knows-it") for _ in range(3)], a_call("=another")])
        store.record([a_call("long-ago", started_at=old)])
        found = unpriced_models(store.reports, datetime.now(UTC))
        assert found == [Unpriced("nobody-knows-it", 3), Unpriced("=another", 1)]


class TestViews:
    MINE = View("mine", "overview", "a=1", False, "ann", "Ann")
    OURS = View("ours", "calls", "b=2", True, "ann", "Ann")

    def test_are_kept_by_owner_and_name(self, store: Store) -> None:
        store.views.put(self.MINE, is_admin=False)
        store.views.put(replace(self.MINE, author="bob", author_name="Bob"), is_admin=False)
        store.views.put(self.OURS, is_admin=False)
        changed = store.views.put(replace(self.MINE, state="a=2"), is_admin=False)
        assert abs(changed.saved_at - time.time()) < 60
        assert [(view.name, view.state) for view in store.views.of("ann", with_shared=True)] == [
            ("mine", "a=2"),
            ("ours", "b=2"),
        ]
        assert [view.author for view in store.views.of("bob", with_shared=False)] == ["bob"]
        store.views.delete("ann", "mine", "ann", is_admin=False)
        with pytest.raises(ViewMissing):
            store.views.get("ann", "mine")
        assert store.views.get("bob", "mine").author_name == "Bob"

    def test_that_are_shared_have_an_author(self, store: Store) -> None:
        store.views.put(self.OURS, is_admin=False)
        with pytest.raises(ViewOfAnother):
            store.views.put(replace(self.OURS, author="bob"), is_admin=False)
        with pytest.raises(ViewOfAnother):
            store.views.delete(SHARED, "ours", "bob", is_admin=False)
        assert store.views.get(SHARED, "ours").author == "ann"
        store.views.delete(SHARED, "ours", "bob", is_admin=True)
        assert store.views.of("ann", with_shared=True) == []

    def test_are_bounded(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        assert MOST_VIEWS == 100
        monkeypatch.setattr("openwebui_usage.ledger.views.MOST_VIEWS", 1)
        store.views.put(self.MINE, is_admin=False)
        with pytest.raises(TooManyViews):
            store.views.put(replace(self.MINE, name="another"), is_admin=False)
        store.views.put(self.OURS, is_admin=False)
