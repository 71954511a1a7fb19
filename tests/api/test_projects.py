"""Projects: a name inside a tenant that keys may have, with a budget of its own between the key's and the tenant's."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from msgspec import structs
from tests.api.conftest import Running
from tests.api.paid import USD, paid_gateway, until
from tests.api.terminal import shown_at_terminal
from tests.api.test_money import ASK, COST, answer
from tests.api.test_usage import GOOD
from tests.api.upstream import Answer, Upstream

from prxy.cli import prxy
from prxy.local import dynamodb
from prxy.store import key_text
from prxy.store.records import ApiKey, Budget, Limits, budget_id
from prxy.store.schema import api_key_at
from prxy.store.use_text import parse_uses

ECHO: dict[str, object] = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}


def made(gateway: Running, **body: object) -> dict[str, Any]:
    reply = gateway.admin("POST", "/v1/keys", {"name": "of a project", **body})
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def put(gateway: Running, tenant: str, project: str, **body: object) -> dict[str, Any]:
    reply = gateway.admin("PUT", f"/v1/tenants/{tenant}/projects/{project}", body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def ask(gateway: Running, key: dict[str, Any], fixture: str, **body: object) -> httpx.Response:
    return gateway.chat({**ASK, **body}, x_provider_key=fixture, authorization=f"Bearer {key['key']}")


def spent(gateway: Running, project: str) -> tuple[Decimal, Decimal]:
    """Spent and reserved of the day of a project, by its name with its tenant's."""
    tenant, _, name = project.rpartition("/")
    budgets = gateway.admin("GET", f"/v1/usage?project={project}").json()["budgets"]
    [day] = [each for each in budgets if (each.get("tenant"), each.get("project")) == (tenant, name)][:1]
    return Decimal(day["spent_usd"]), Decimal(day["reserved_usd"])


@pytest.fixture
def tenant() -> str:
    return f"house-{secrets.token_hex(4)}"


def test_a_projects_budget_holds_over_all_of_its_keys(gateway: Running, upstream: Upstream, tenant: str) -> None:
    put(gateway, tenant, "web", limits={"per_day_usd": "0.003"})
    keys = [made(gateway, tenant=tenant, project="web") for _ in range(2)]
    fixture = upstream.put(f"{tenant}-crowd", answer())

    with ThreadPoolExecutor(8) as pool:
        replies = [*pool.map(lambda at: ask(gateway, keys[at % 2], fixture, max_tokens=500), range(12))]

    refused = [reply.json()["error"] for reply in replies if reply.status_code == 429]
    assert 0 < len(refused) == 12 - len(upstream.asked[fixture])
    assert {error["code"] for error in refused} == {"cost_limit_per_day"}
    assert "the project's $0.003 per day" in refused[0]["message"]
    used, held = spent(gateway, f"{tenant}/web")
    assert (used, held) == (COST * len(upstream.asked[fixture]), 0)


def test_two_projects_of_one_name_in_two_tenants_never_meet(gateway: Running, upstream: Upstream, tenant: str) -> None:
    """Though the names of one and the other, put together, read alike."""
    put(gateway, tenant, "web", limits={"per_day_usd": "0"})
    put(gateway, f"{tenant}/eu", "web", limits={"per_day_usd": "5"})
    poor, rich = made(gateway, tenant=tenant, project="web"), made(gateway, tenant=f"{tenant}/eu", project="web")
    fixture = upstream.put(f"{tenant}-two", answer())

    codes = [ask(gateway, poor, fixture).status_code, ask(gateway, rich, fixture).status_code]

    assert codes == [429, 200]
    assert (spent(gateway, f"{tenant}/web"), spent(gateway, f"{tenant}/eu/web")) == ((0, 0), (COST, 0))
    listed = [gateway.admin("GET", f"/v1/tenants/{each}/projects").json()["data"] for each in (tenant, f"{tenant}/eu")]
    assert [[each["tenant"] for each in rows] for rows in listed] == [[tenant], [f"{tenant}/eu"]]


def test_a_moved_key_spends_the_other_project_and_running_calls_settle_where_they_were_held(
    gateway: Running, upstream: Upstream, tenant: str
) -> None:
    for name in ("web", "app"):
        put(gateway, tenant, name, limits={"per_day_usd": "1"})
    key, gate = made(gateway, tenant=tenant, project="web"), threading.Event()
    slow = upstream.put(f"{tenant}-slow", replace(answer(), gate=gate))
    quick = upstream.put(f"{tenant}-quick", answer())

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ask, gateway, key, slow)
        try:
            asyncio.run(until(lambda: len(upstream.asked[slow]) == 1))
            moved = gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"project": "app"}).json()
            later = ask(gateway, key, quick)
            during = spent(gateway, f"{tenant}/web"), spent(gateway, f"{tenant}/app")
        finally:
            gate.set()

    assert (moved["project"], later.status_code, running.result().status_code) == ("app", 200, 200)
    assert (during[0][0], during[0][1] > 0, during[1]) == (0, True, (COST, 0))
    assert (spent(gateway, f"{tenant}/web"), spent(gateway, f"{tenant}/app")) == ((COST, 0), (COST, 0))


async def test_a_process_that_remembers_the_key_obeys_its_move_with_the_next_call(
    upstream: Upstream, tenant: str
) -> None:
    """It plans the call anew under the other project, also a count of tokens; the use of the call names that one."""
    chat = upstream.put(f"{tenant}-two-processes", answer())
    count = upstream.put(f"{tenant}-counted", Answer(body=b'{"input_tokens": 3}'))
    with dynamodb.running() as store:
        async with paid_gateway(store, upstream.url) as one, paid_gateway(store, upstream.url) as other:
            plane, generated = one.planes.control, key_text.generate()
            for name in ("web", "app"):
                await plane.budgets.create(Budget(tenant=tenant, project=name, limits=Limits(per_day_nano=USD)))
            key = ApiKey(id=generated.id, name="moves", tenant=tenant, secret_hash=key_text.hashed(generated.text))
            await plane.administration.create(structs.replace(key, project="web"))
            asking = partial(other.send, "POST", "/v1/chat/completions", generated.text, ASK, x_provider_key=chat)

            first = await asking()
            moved = await plane.administration.update(structs.replace(key, project="app"))
            second = await asking()
            await plane.administration.update(structs.replace(moved, project=None))
            counting = {"model": "claude-sonnet-4-5", "messages": ASK["messages"]}
            third = await other.send(
                "POST", "/v1/messages/count_tokens", generated.text, counting, x_provider_key=count
            )

            ids, now = [budget_id(tenant, name) for name in ("web", "app")], int(time.time())
            days = [(await plane.budget_standings.standings(each, now))[0] for each in ids]
            item = await one.planes.table.get_item(api_key_at(key.id))

    assert [reply.status_code for reply in (first, second, third)] == [200] * 3
    assert [(day.spent_nano, day.held_nano) for day in days] == [(int(COST * USD), 0)] * 2
    assert item is not None
    assert [use.project for use in parse_uses(item["use"])] == ["app"]


def test_a_key_is_given_a_project_shows_it_and_loses_it(gateway: Running, tenant: str) -> None:
    key = made(gateway, tenant=tenant, project="web")
    plain = made(gateway, tenant=tenant)

    cleared = gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"project": None}).json()
    changes = gateway.admin("GET", "/v1/audit?limit=1000").json()["data"]

    assert (key["project"], plain["project"], cleared["project"]) == ("web", None, None)
    assert gateway.admin("GET", f"/v1/keys/{key['id']}").json() == cleared
    assert [each["fields"] for each in changes if each["target"] == f"key/{key['id']}"][-1] == ["project"]


@pytest.mark.parametrize("name", ["", "a/b", " a", "a#b", "x" * 65, "a\n", 7, ["web"]])
def test_the_name_of_a_project_is_short_and_has_no_slash(gateway: Running, tenant: str, name: object) -> None:
    refused = [
        gateway.admin("POST", "/v1/keys", {"name": "n", "tenant": tenant, "project": name}),
        gateway.admin("PATCH", f"/v1/keys/{made(gateway, tenant=tenant)['id']}", {"project": name}),
    ]

    assert [(reply.status_code, reply.json()["error"]["param"]) for reply in refused] == [(400, "project")] * 2


def test_no_tenant_has_a_name_that_reads_as_a_project(gateway: Running, tenant: str) -> None:
    key = gateway.admin("POST", "/v1/keys", {"name": "n", "tenant": f"{tenant}/projects/web"})
    nested = gateway.admin("PUT", f"/v1/tenants/{tenant}/projects/a/projects/b", {})
    deep = gateway.admin("PUT", f"/v1/tenants/{tenant}/projects/a/b", {})
    bare = gateway.admin("PUT", f"/v1/tenants/{tenant}/projects", {})
    odd = gateway.admin("PUT", f"/v1/tenants/{tenant}/projects/%23", {})

    assert [each.status_code for each in (key, nested, deep, bare, odd)] == [400] * 5
    assert [each.json()["error"]["param"] for each in (key, nested, deep, bare, odd)] == [*["tenant"] * 4, "project"]
    assert made(gateway, tenant=f"{tenant}/projects-eu")["tenant"] == f"{tenant}/projects-eu"


def test_budgets_of_projects_are_put_read_listed_and_told(gateway: Running, tenant: str) -> None:
    first = put(gateway, tenant, "web", limits={"per_day_usd": "1", "requests_per_minute": 7})
    again = put(gateway, tenant, "web", mode="warn", limits={"per_month_usd": "30.50"})
    put(gateway, tenant, "app")

    read = gateway.admin("GET", f"/v1/tenants/{tenant}/projects/web").json()
    listed = gateway.admin("GET", f"/v1/tenants/{tenant}/projects").json()
    nobody = gateway.admin("GET", f"/v1/tenants/{tenant}/projects/nobody")
    wrong = gateway.admin("PUT", f"/v1/tenants/{tenant}/projects/web", {"mode": "perhaps"})
    ordinary = gateway.http.get(
        f"/v1/tenants/{tenant}/projects", headers={"authorization": f"Bearer {gateway.api_key}"}
    )
    changes = gateway.admin("GET", "/v1/audit?limit=1000").json()["data"]

    assert first["limits"]["requests_per_minute"] == 7
    assert read == again == {**first, "mode": "warn", "limits": again["limits"]}
    assert (read["id"], read["object"], read["tenant"]) == ("web", "project", tenant)
    assert (read["limits"]["per_day_usd"], read["limits"]["per_month_usd"]) == (None, "30.5")
    assert [each["id"] for each in listed["data"]] == ["app", "web"]
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "key_not_found")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "mode")
    assert (ordinary.status_code, ordinary.json()["error"]["code"]) == (403, "admin_required")
    assert gateway.admin("GET", f"/v1/tenants/{tenant}").status_code == 404
    told = [(each["action"], each["fields"]) for each in changes if each["target"] == f"project/{tenant}/web"]
    assert told == [
        ("project.put", ["limits.per_day_usd", "limits.requests_per_minute", "mode"]),
        ("project.put", ["limits.per_month_usd", "mode"]),
    ]


def test_every_budget_that_warns_is_named(gateway: Running, upstream: Upstream, tenant: str) -> None:
    gateway.admin("PUT", f"/v1/tenants/{tenant}", {"mode": "warn", "limits": {"per_day_usd": "0.0025"}})
    put(gateway, tenant, "web", mode="warn", limits={"per_day_usd": "0.002"})
    key = made(gateway, tenant=tenant, project="web")
    fixture = upstream.put(f"{tenant}-warns", answer())

    replies = [ask(gateway, key, fixture, max_tokens=500) for _ in range(5)]

    warnings = [reply.headers.get("x-prxy-budget-warning") for reply in replies]
    assert {reply.status_code for reply in replies} == {200}
    assert warnings == [None, None, None, "project", "project, tenant"]


def test_a_limit_of_output_is_fitted_to_what_the_tightest_of_three_has_left(
    gateway: Running, upstream: Upstream, tenant: str
) -> None:
    gateway.admin("PUT", f"/v1/tenants/{tenant}", {"limits": {"per_day_usd": f"{10 * COST}"}})
    put(gateway, tenant, "web", limits={"per_day_usd": f"{3 * COST}"})
    key = made(gateway, tenant=tenant, project="web", limits={"per_day_usd": f"{20 * COST}"})
    fixture = upstream.put(f"{tenant}-fit", answer())
    open_ended = {name: value for name, value in ASK.items() if name != "max_tokens"}

    replies = [gateway.chat(open_ended, x_provider_key=fixture, authorization=f"Bearer {key['key']}") for _ in range(2)]

    caps = [int(reply.headers["x-prxy-max-tokens"]) for reply in replies]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert caps[0] > caps[1] > 0
    assert spent(gateway, f"{tenant}/web") == (2 * COST, 0)


def test_an_unknown_price_is_refused_under_a_projects_limit(gateway: Running, upstream: Upstream, tenant: str) -> None:
    put(gateway, tenant, "web", limits={"per_month_usd": "5"})
    key = made(gateway, tenant=tenant, project="web", limits={"per_day_usd": None})
    fixture = upstream.put(f"{tenant}-unheard", answer())

    refused = ask(gateway, key, fixture, model="openai/unheard-of-model")

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "model_price_unknown")
    assert upstream.asked[fixture] == []


def test_usage_is_told_by_project_and_of_one_project(gateway: Running, upstream: Upstream, tenant: str) -> None:
    gateway.admin("PUT", f"/v1/tenants/{tenant}", {"mode": "off", "limits": {"per_day_usd": "9"}})
    put(gateway, tenant, "web", limits={"per_day_usd": "1"})
    key, plain = made(gateway, tenant=tenant, project="web"), made(gateway, tenant=tenant)
    fixture = upstream.put(f"{tenant}-told", GOOD)
    ask(gateway, key, fixture)
    gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"project": "app"})
    ask(gateway, key, fixture)
    ask(gateway, key, fixture)
    ask(gateway, plain, fixture)

    rows = until_told(gateway, tenant, 4)
    one = gateway.admin("GET", f"/v1/usage?group_by=key&project={tenant}/app").json()
    none = gateway.admin("GET", f"/v1/usage?group_by=key&project={tenant}/").json()
    own = gateway.http.get("/v1/usage?group_by=project", headers={"authorization": f"Bearer {key['key']}"}).json()

    assert rows == {f"{tenant}/": 1, f"{tenant}/app": 2, f"{tenant}/web": 1}
    assert [(row["key"], row["calls"]) for row in one["data"]] == [(key["id"], 2)]
    assert [(row["key"], row["calls"]) for row in none["data"]] == [(plain["id"], 1)]
    assert {row["project"]: row["calls"] for row in own["data"]} == {f"{tenant}/app": 2, f"{tenant}/web": 1}
    assert {each["key_id"] for each in own["budgets"]} == {key["id"]}


def test_the_command_line_shows_the_usage_of_one_project(gateway: Running, upstream: Upstream, tenant: str) -> None:
    key, plain = made(gateway, tenant=tenant, project="web"), made(gateway, tenant=tenant)
    fixture = upstream.put(f"{tenant}-line", GOOD)
    ask(gateway, key, fixture)
    ask(gateway, plain, fixture)
    until_told(gateway, tenant, 2)
    of_web = ["usage", "--by", "key", "--project", f"{tenant}/web"]

    shown = CliRunner().invoke(prxy, [*of_web, "--url", gateway.url, "--key", gateway.admin_key])

    assert shown.exit_code == 0, shown.output
    assert [line.split()[:2] for line in shown.output.splitlines()] == [[key["id"], "1"], ["total", "1"]]


def test_an_admin_sees_the_budgets_that_a_key_shares(gateway: Running, upstream: Upstream, tenant: str) -> None:
    gateway.admin("PUT", f"/v1/tenants/{tenant}", {"mode": "off", "limits": {"per_day_usd": "9"}})
    put(gateway, tenant, "web", limits={"per_day_usd": "1"})
    put(gateway, tenant, "app")
    key = made(gateway, tenant=tenant, project="web")
    ask(gateway, key, upstream.put(f"{tenant}-shared", GOOD))

    of_key = gateway.admin("GET", f"/v1/usage?key_id={key['id']}").json()["budgets"]
    every = gateway.admin("GET", "/v1/usage").json()["budgets"]

    whose = [
        (each.get("key_id"), each.get("tenant"), each.get("project")) for each in of_key if each["window"] == "day"
    ]
    assert whose == [(key["id"], None, None), (None, tenant, None), (None, tenant, "web")]
    assert {Decimal(each["spent_usd"]) for each in of_key} == {COST}
    assert [each["limit_usd"] for each in of_key if each["window"] == "day"][1:] == ["9", "1"]
    assert {each["project"] for each in every if each.get("tenant") == tenant and "project" in each} == {"web", "app"}


def until_told(gateway: Running, tenant: str, calls: int) -> dict[str, int]:
    """Calls by project of a tenant, once the stream has told so many."""
    rows: dict[str, int] = {}
    for _ in range(200):
        told = gateway.admin("GET", "/v1/usage?group_by=project&limit=1000").json()["data"]
        rows = {row["project"]: row["calls"] for row in told if row["project"].startswith(f"{tenant}/")}
        if sum(rows.values()) >= calls:
            break
        time.sleep(0.05)
    return rows


def test_a_terminal_shows_whose_each_budget_is(gateway: Running, tenant: str, tmp_path: Path) -> None:
    key = made(gateway, tenant=tenant, project="web", limits={"per_day_usd": "1"})
    for path in (tenant, f"{tenant}/projects/web"):
        body = {"limits": {"per_month_usd": "7"}}
        assert gateway.admin("PUT", f"/v1/tenants/{path}", body).is_success
    where = {"PRXY_URL": gateway.url, "PRXY_ADMIN_KEY": gateway.admin_key}

    status, seen = shown_at_terminal("usage", "--key-id", key["id"], folder=tmp_path, columns=160, **where)

    assert status == 0, seen
    assert all(name in seen for name in (key["id"], f"tenant {tenant}", f"project {tenant}/web")), seen


def test_the_document_of_the_api_lists_the_routes(gateway: Running) -> None:
    paths = gateway.http.get("/v1/openapi.json").json()["paths"]

    assert {*paths["/v1/tenants/{tenant}/projects/{project}"]} == {"get", "put"}
    assert {*paths["/v1/tenants/{tenant}/projects"]} == {"get"}


def test_a_call_without_a_budget_beside_its_key_needs_none(gateway: Running, tenant: str) -> None:
    key = made(gateway, tenant=tenant, project="nothing-set")

    reply = gateway.chat(ECHO, authorization=f"Bearer {key['key']}")

    assert reply.status_code == 200
    assert "x-prxy-budget-warning" not in reply.headers
