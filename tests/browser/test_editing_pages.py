"""What admins change in the pages at /usage/admin/, in a real Chromium; with pictures to look at in tests/artefacts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.clients import Client
from tests.support.pages import DARK_AND_GERMAN, LOOKS, OpenPage, violations

GROUP, BUDGET = "Reasoning models", "Fair share"
OPENED = {
    "groups": "groups",
    "group": "groups/edit/Reasoning%20models",
    "budgets": "budgets",
    "budget": "budgets/edit/Fair%20share",
    "prices": "prices",
    "price": "prices/set/o3-mini",
    "settings": "settings",
    "statement": "settings/statement",
    "start": "start",
}


@pytest.fixture(autouse=True)
def nothing_defined(admin: Client) -> Iterator[None]:
    yield
    admin.forget_definitions()
    admin.request("PUT", "/api/usage/readers", {})


@pytest.fixture
def definitions(admin: Client, user: Client) -> None:
    admin.add_group(GROUP, ["o3-mini", "gpt-4o*"], 1_000_000, period="month", timezone="Europe/Berlin")
    budget = {"name": BUDGET, "scope": {"kind": "each_user"}, "unit": "requests", "limit": 4, "period": "month"}
    admin.request("POST", "/api/usage/budgets", {**budget, "action": "warn"})
    admin.request("PUT", "/api/usage/prices", {"model": "gpt-4o*", "input": 2.5, "output": 10})
    for model in ("o3-mini", "gpt-4o", "gpt-4o"):
        user.chat(model)


def wait_until_drawn(page: Page) -> None:
    """All that the page asks for has come."""
    expect(page.locator("section").first).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("look", DARK_AND_GERMAN)
def test_each_page_looks_well(admin: Client, open_page: OpenPage, look: str) -> None:
    tab = open_page(admin, "/usage/admin/", **LOOKS[look])
    wrong = {}
    for name, path in OPENED.items():
        tab.page.goto(f"{admin.url}/usage/admin/{path}")
        wait_until_drawn(tab.page)
        if found := violations(tab.page):
            wrong[name] = found
        if not tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            wrong[f"{name} is too wide"] = []
        tab.page.screenshot(path=tab.artefacts / f"pages-{name}-{look}.png", full_page=True)
    assert wrong == {}
    assert tab.problems == []


def test_an_empty_deployment_gets_a_monthly_limit_per_user(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/start").page
    page.get_by_label("A month, for each person").fill("25")
    page.get_by_role("button", name="Set limit").click()
    expect(page.get_by_text("There is a budget.")).to_be_visible()
    [budget] = admin.request("GET", "/api/usage/budgets")["budgets"]
    assert (budget["scope"], budget["unit"], budget["limit"]) == ({"kind": "each_user", "id": None}, "usd", 25)
    assert (budget["period"], budget["models"]) == ("month", ["*"])
    page.get_by_role("button", name="Create group").click()
    expect(page.get_by_text("There is a group.")).to_be_visible()
    assert list(admin.usage_groups()) == ["All models"]


def test_a_group_is_made_of_the_real_models(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/groups/new").page
    page.get_by_label("Name").fill("GPT")
    models = page.get_by_role("combobox", name="Models")
    models.fill("gpt-4o*")
    models.press("Enter")
    expect(page.get_by_text(re.compile(r"Matches \d+ models?: .*gpt-4o"))).to_be_visible()
    models.press("Escape")
    page.get_by_label("Limit in tokens").fill("-1")
    page.get_by_role("button", name="Save").click()
    # The server's own words, beside the field.
    expect(page.get_by_role("alert")).to_contain_text("must be a whole number of tokens, 0 to")
    page.get_by_label("Limit in tokens").fill("1,000,000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("meter", name="GPT")).to_be_visible()
    group = admin.usage_groups()["GPT"]
    assert (group["models"], group["limit"], group["period"]) == (["gpt-4o*"], 1_000_000, "month")


@pytest.mark.usefixtures("definitions")
def test_what_is_deleted_can_be_taken_back(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/groups").page

    def delete() -> None:
        page.get_by_role("button", name=f"More for {GROUP}").click()
        page.get_by_role("menuitem", name="Delete").click()
        expect(page.get_by_role("meter", name=GROUP)).to_have_count(0)

    delete()
    assert GROUP in admin.usage_groups()  # It counts on until it can no longer be taken back.
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("meter", name=GROUP)).to_be_visible()
    assert admin.usage_groups()[GROUP]["usage"]["calls"] == 3
    delete()
    page.goto(f"{admin.url}/usage/")  # Whoever leaves deletes at once.
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_timeout(500)
    assert GROUP not in admin.usage_groups()


@pytest.mark.usefixtures("definitions")
def test_a_budget_tells_whom_it_would_have_refused(admin: Client, user: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/budgets/new").page
    page.get_by_label("Name").fill("Strict")
    page.get_by_role("radio", name="Requests").check()
    page.get_by_label("Limit", exact=True).fill("1")
    expect(page.get_by_text("It would have refused")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("group", name="What it would have done")).to_contain_text(str(user.user["name"]))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="1 request a month")).to_be_visible()
    assert "Strict" in [each["name"] for each in admin.request("GET", "/api/usage/budgets")["budgets"]]


@pytest.mark.usefixtures("definitions")
def test_a_file_shows_what_it_changes_first(admin: Client, open_page: OpenPage, tmp_path: Path) -> None:
    tab = open_page(admin, "/usage/admin/settings")
    file = tmp_path / "usage.yaml"
    file.write_text(admin.get("/api/usage/config").text.replace("limit: 1000000", "limit: 2000000"))
    tab.page.get_by_label("Import").last.set_input_files(file)
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Group {GROUP}")
    expect(dialog.locator("del")).to_have_text("1000000")
    expect(dialog.locator("ins")).to_have_text("2000000")
    assert admin.usage_groups()[GROUP]["limit"] == 1_000_000
    tab.page.screenshot(path=tab.artefacts / "pages-import.png")
    dialog.get_by_role("button", name="Apply 1 change").click()
    expect(tab.page.get_by_text("1 change applied")).to_be_visible()
    assert admin.usage_groups()[GROUP]["limit"] == 2_000_000
    file.write_text("groups:\n- {name: GPT, modles: []}\n")
    tab.page.get_by_label("Import").last.set_input_files(file)
    expect(dialog).to_contain_text("line 2, column 3: groups[0].models: is missing")


def test_everyone_10_one_colleague_50_research_30_interns_2_admins_none(
    admin: Client, open_page: OpenPage, artefacts: Path
) -> None:
    """One budget, made in the page, which holds for many calls at once."""
    people = {
        name: admin.add_user(f"{name}-{time.time_ns()}") for name in ("Colleague", "Researcher", "Intern", "Other")
    }
    for group, member in (("Research", "Researcher"), ("Interns", "Intern")):
        made = admin.request("POST", "/api/v1/groups/create", {"name": group, "description": ""})
        admin.request("POST", f"/api/v1/groups/id/{made['id']}/users/add", {"user_ids": [people[member].id]})
    admin.request("PUT", "/api/usage/prices", {"model": "gpt-4o-mini", "input": 0, "output": 0, "request": 1})

    page = open_page(admin, "/usage/admin/budgets/new").page
    page.get_by_label("Name").fill("Allowance")
    page.get_by_label("Limit", exact=True).fill("10")
    exceptions = [
        ("user", "Person", people["Colleague"].user["name"], "50"),
        ("user_group", "User group", "Research", "30"),
        ("user_group", "User group", "Interns", "2"),
    ]
    for number, (kind, label, name, limit) in enumerate(exceptions, 1):
        page.get_by_role("button", name="Add an exception").click()
        row = page.get_by_role("group", name=f"Exception {number}")
        row.get_by_label("For whom").select_option(kind)
        row.get_by_role("combobox", name=label, exact=True).fill(name)
        row.get_by_role("option", name=name).first.click()
        row.get_by_label("Limit", exact=True).fill(limit)
    page.get_by_role("button", name="Add an exception").click()
    row = page.get_by_role("group", name="Exception 4")
    row.get_by_label("For whom").select_option("role")
    row.get_by_label("No limit").check()
    page.screenshot(path=artefacts / "pages-exceptions.png", full_page=True)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("4 exceptions")).to_be_visible()

    [budget] = admin.request("GET", "/api/usage/budgets")["budgets"]
    limits = [exception["limit"] for exception in budget["overrides"]]
    assert (budget["limit"], limits, budget["scope"]["kind"], budget["period"]) == (
        10,
        [50, 30, 2, None],
        "each_user",
        "month",
    )

    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}

    async def admitted(client: Client, calls: int) -> int:
        async with client.asynchronous() as http:
            answers = await asyncio.gather(*(http.post("/api/chat/completions", json=body) for _ in range(calls)))
        assert {answer.status_code for answer in answers} <= {200, 429}
        return sum(answer.status_code == 200 for answer in answers)

    async def storm() -> list[int]:
        asked = (("Colleague", 54), ("Researcher", 34), ("Intern", 8), ("Other", 14))
        return await asyncio.gather(admitted(admin, 14), *(admitted(people[name], calls) for name, calls in asked))

    with ThreadPoolExecutor(1) as thread:  # The browser's tests have a loop of their own in this one.
        assert thread.submit(lambda: asyncio.run(storm())).result() == [14, 50, 30, 2, 10]
    told = {}
    for name, client in people.items():
        [mine] = client.request("GET", "/api/usage/me")["budgets"]
        told[name] = (mine["limit"], mine["remaining"], mine["limit_from"])
        client.close()
    assert told == {
        "Colleague": (50, 0, "user"),
        "Researcher": (30, 0, "user_group"),
        "Intern": (2, 0, "user_group"),
        "Other": (10, 0, "budget"),
    }


@pytest.mark.usefixtures("definitions")
def test_a_budget_may_move_with_the_time(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, f"/usage/admin/budgets/edit/{BUDGET.replace(' ', '%20')}").page
    page.get_by_label("Begins anew").select_option("last")
    page.get_by_label("Length").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="4 requests in the last 3 hours")).to_be_visible()
    [budget] = admin.request("GET", "/api/usage/budgets")["budgets"]
    assert budget["period"] == "last 3 hours"
    page.get_by_role("button", name=f"More for {BUDGET}").click()
    page.get_by_role("menuitem", name="Reset").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Nothing used yet")).to_be_visible()


@pytest.mark.usefixtures("definitions")
def test_credit_is_given_and_taken_back_and_the_journal_tells_both(
    admin: Client, user: Client, open_page: OpenPage, artefacts: Path
) -> None:
    page = open_page(admin, "/usage/admin/budgets").page
    page.get_by_role("button", name=f"More for {BUDGET}").click()
    page.get_by_role("menuitem", name="Credit").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody has credit yet.")
    dialog.get_by_label("For whom").select_option("user")
    dialog.get_by_role("combobox", name="One person").fill(str(user.user["name"]))
    dialog.get_by_role("option", name=str(user.user["name"])).first.click()
    dialog.get_by_label("Amount").fill("7")
    dialog.get_by_label("Note").fill("Thesis")
    dialog.get_by_label("Holds until").fill("2099-12-31")
    dialog.get_by_role("button", name="Give credit").click()
    expect(dialog.get_by_role("listitem")).to_contain_text(f"{user.user['name']} · Thesis")
    page.screenshot(path=artefacts / "pages-credit.png")
    path = f"/api/usage/budgets/{BUDGET.replace(' ', '%20')}/credits"
    [credit] = admin.request("GET", path)["credits"]
    assert (credit["user"], credit["amount"], credit["note"], credit["active"]) == (user.id, 7, "Thesis", True)
    dialog.get_by_role("button", name="Take back").click()
    expect(dialog).to_contain_text("Nobody has credit yet.")
    page.goto(f"{admin.url}/usage/admin/journal")
    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("removed")
    expect(rows.nth(2)).to_contain_text("added")
    for row in (rows.nth(1), rows.nth(2)):
        expect(row).to_contain_text("Credit")
        expect(row).to_contain_text(BUDGET)
    entries = admin.request("GET", "/api/usage/journal")["entries"][:2]
    told = [(each["change"], (each["before"] or each["after"])["note"]) for each in entries]
    assert told == [("removed", "Thesis"), ("added", "Thesis")]
