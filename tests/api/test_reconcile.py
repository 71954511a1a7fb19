"""POST /v1/keys/{id}/reconcile: an admin who knows what an unconfirmed attempt did cost."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.api.conftest import Running
from tests.api.test_money import MODEL
from tests.api.test_usage import BROKEN_OFF, RICH, Team, ledger_of
from tests.api.upstream import Upstream

from prxy.cli import prxy

SOME = Decimal("0.000123456")


class Lost(Team):
    """A key with one call whose answer broke off."""

    def __init__(self, gateway: Running, upstream: Upstream, *, limits: Mapping[str, str] = RICH, **of: str) -> None:
        self._running = gateway
        super().__init__(gateway, limits=limits, text=gateway.make_key(limits=limits, **of))
        self.chat(upstream.put(f"lost-{secrets.token_hex(4)}", BROKEN_OFF), stream=True)
        self.usage(1)
        [self.call] = self.calls()
        self.held = Decimal(self.call["unconfirmed_usd"])

    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/calls").json()["data"]
        return found

    def reconcile(self, cost: object, **named: object) -> httpx.Response:
        body = {"attempt": self.call["attempt"], "cost_usd": str(cost), **named}
        return self._running.admin("POST", f"/v1/keys/{self.id}/reconcile", body)


def test_what_a_lost_call_did_cost_takes_the_place_of_what_was_held(gateway: Running, upstream: Upstream) -> None:
    lost = Lost(gateway, upstream)

    reply = lost.reconcile(SOME)
    told, [call] = lost.usage(1), lost.calls()

    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "object": "reconciled",
        "key_id": lost.id,
        "attempt": lost.call["attempt"],
        "cost_usd": str(SOME),
        "accounts": ["key"],
        "given_back_usd": str(lost.held - SOME),
    }
    assert ledger_of(told) == {(SOME, 0, 0)}
    assert (told["totals"]["cost_usd"], told["totals"]["unconfirmed_usd"]) == (str(SOME), "0")
    assert {**lost.call, "cost_usd": str(SOME), "unconfirmed_usd": "0"} == call


def test_it_may_be_spent_again(gateway: Running, upstream: Upstream) -> None:
    lost = Lost(gateway, upstream)
    limit = {"limits": {"per_day_usd": str(lost.held)}}
    gateway.admin("PATCH", f"/v1/keys/{lost.id}", limit)
    key = upstream.put(f"again-{lost.id}", BROKEN_OFF)
    before = lost.chat(key, stream=True)

    lost.reconcile(0)
    after = lost.chat(key, stream=True)

    assert (before.status_code, after.status_code) == (429, 200)
    assert len(upstream.asked[key]) == 1


def test_budgets_that_the_key_shares_are_given_back_too(gateway: Running, upstream: Upstream) -> None:
    tenant = f"lost-{secrets.token_hex(4)}"
    gateway.admin("PUT", f"/v1/tenants/{tenant}", {"limits": {"per_day_usd": "9"}})
    gateway.admin("PUT", f"/v1/tenants/{tenant}/projects/web", {"limits": {"per_day_usd": "9"}})
    lost = Lost(gateway, upstream, tenant=tenant, project="web")
    done: set[str] = set()

    for _ in range(100):
        done |= {*lost.reconcile(SOME).json()["accounts"]}
        if len(done) == 3:
            break
        time.sleep(0.05)

    told = gateway.admin("GET", f"/v1/usage?key_id={lost.id}").json()
    assert done == {"key", "project", "tenant"}
    assert len(told["budgets"]) == 6
    assert ledger_of(told) == {(SOME, 0, 0)}


def test_a_repetition_changes_nothing_and_leaves_no_second_entry_in_the_trail(
    gateway: Running, upstream: Upstream
) -> None:
    lost = Lost(gateway, upstream)

    first, again, other = lost.reconcile(SOME), lost.reconcile(SOME), lost.reconcile(0)

    since = gateway.admin("GET", "/v1/audit?limit=1000").json()["data"]
    entries = [(entry["action"], entry["fields"]) for entry in since if entry["target"] == f"key/{lost.id}"]
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert (again.json()["accounts"], again.json()["given_back_usd"]) == ([], "0")
    assert other.json()["error"]["code"] == "key_conflict"
    assert entries == [("key.create", ["limits", "name"]), ("key.reconcile", ["attempt", "cost_usd"])]
    assert ledger_of(lost.usage(1)) == {(SOME, 0, 0)}


BAD: dict[str, tuple[dict[str, object], int, str]] = {
    "more than was held": ({"cost_usd": "0.9"}, 400, "cost_usd"),
    "less than nothing": ({"cost_usd": "-0.1"}, 400, "cost_usd"),
    "a fraction of a nano-dollar": ({"cost_usd": "0.0000000001"}, 400, "cost_usd"),
    "no amount": ({"cost_usd": None}, 400, "cost_usd"),
    "no attempt": ({"attempt": ""}, 400, "attempt"),
    "what names none": ({"attempt": "1795348800#../../x"}, 400, "attempt"),
    "one that never was": ({"attempt": "1795348800#0123456789abcdef"}, 404, "attempt"),
    "a field of the ledger": ({"unc": 0}, 400, "unc"),
}


@pytest.mark.parametrize(("named", "status", "param"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    gateway: Running, upstream: Upstream, named: dict[str, object], status: int, param: str
) -> None:
    lost = Lost(gateway, upstream)

    reply = lost.reconcile(SOME, **named)

    assert (reply.status_code, reply.json()["error"]["param"]) == (status, param), reply.text
    assert ledger_of(lost.usage(1)) == {(lost.held, 0, lost.held)}


def test_only_admins_reconcile_and_only_attempts_of_the_key_that_they_name(
    gateway: Running, upstream: Upstream
) -> None:
    lost, other = Lost(gateway, upstream), Team(gateway)
    path, body = f"/v1/keys/{lost.id}/reconcile", {"attempt": lost.call["attempt"], "cost_usd": "0"}

    own = gateway.http.post(path, json=body, headers={"authorization": f"Bearer {lost.text}"})
    of_another = gateway.admin("POST", f"/v1/keys/{other.id}/reconcile", body)
    of_nobody = gateway.admin("POST", "/v1/keys/nosuchkey000/reconcile", body)

    assert (own.status_code, own.json()["error"]["code"]) == (403, "admin_required")
    assert [each.status_code for each in (of_another, of_nobody)] == [404, 404]
    assert ledger_of(lost.usage(1)) == {(lost.held, 0, lost.held)}


def test_the_command_line_lists_what_is_unconfirmed_and_settles_it(gateway: Running, upstream: Upstream) -> None:
    lost = Lost(gateway, upstream)
    at = ["--url", gateway.url, "--key", gateway.admin_key]
    settle = ["keys", "reconcile", lost.id, lost.call["attempt"], "--cost-usd", str(SOME), *at]

    listed = CliRunner().invoke(prxy, ["keys", "unconfirmed", lost.id, *at])
    done = CliRunner().invoke(prxy, settle)
    again = CliRunner().invoke(prxy, [*settle, "--json"])
    left = CliRunner().invoke(prxy, ["keys", "unconfirmed", lost.id, *at])

    attempt, held, request, model, _ = listed.output.rstrip("\n").split("\t")
    assert (attempt, Decimal(held), request) == (lost.call["attempt"], lost.held, lost.call["request_id"])
    assert model == f"openai/{MODEL}"
    assert done.output == f"${lost.held - SOME} is given back to: key.\n"
    assert json.loads(again.output)["accounts"] == []
    assert left.output == ""
    assert [each.exit_code for each in (listed, done, again, left)] == [0] * 4
