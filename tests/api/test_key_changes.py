"""PATCH of a key, and lists in pages."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Running

ECHO = {"model": "prxy/echo", "messages": [{"role": "user", "content": "x"}]}
FULL = {
    "name": "before",
    "limits": {"per_request_usd": "1", "per_day_usd": "2", "requests_per_minute": 60, "concurrency": 7},
    "models": ["prxy/*"],
    "modules": ["exact-cache"],
    "mandatory": ["guardrails"],
    "pipeline": "exact-cache",
    "expires_at": 4_000_000_000,
    "metadata": {"team": "red", "cost_centre": "12"},
}


def made(gateway: Running, **body: object) -> dict[str, Any]:
    answer = gateway.admin("POST", "/v1/keys", {"name": "test", **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def described(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != "key"}


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "a name": ({"name": "after"}, {"name": "after"}),
    "one limit": ({"limits": {"per_day_usd": 0.5}}, {"limits.per_day_usd": "0.5"}),
    "a limit cleared": ({"limits": {"per_request_usd": None}}, {"limits.per_request_usd": None}),
    "the default of concurrency": ({"limits": {"concurrency": None}}, {"limits.concurrency": 32}),
    "calls per minute": ({"limits": {"requests_per_minute": 1}}, {"limits.requests_per_minute": 1}),
    "all limits cleared": (
        {"limits": None},
        {
            "limits.per_request_usd": None,
            "limits.per_day_usd": None,
            "limits.requests_per_minute": None,
            "limits.concurrency": 32,
        },
    ),
    "no pipeline": ({"pipeline": None}, {"pipeline": None}),
    "another pipeline": ({"pipeline": [{"guardrails": {}}]}, {"pipeline": [{"guardrails": {}}]}),
    "nothing mandatory": ({"mandatory": None}, {"mandatory": []}),
    "every module": ({"modules": None}, {"modules": None}),
    "no module": ({"modules": []}, {"modules": []}),
    "every model": ({"models": None}, {"models": None}),
    "never expires": ({"expires_at": None}, {"expires_at": None}),
    "one entry of metadata": ({"metadata": {"team": "blue"}}, {"metadata.team": "blue"}),
    "no metadata": ({"metadata": None}, {"metadata": {}}),
    "frozen": ({"status": "frozen"}, {"status": "frozen"}),
}


@pytest.mark.parametrize(("body", "differences"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_touches_what_it_names_and_nothing_else(
    gateway: Running, body: dict[str, Any], differences: dict[str, Any]
) -> None:
    key = described(made(gateway, **FULL))
    expected = {**key, "limits": {**key["limits"]}, "metadata": {**key["metadata"]}}
    for path, value in differences.items():
        outer, _, inner = path.partition(".")
        if inner:
            expected[outer][inner] = value
        else:
            expected[outer] = value

    changed = gateway.admin("PATCH", f"/v1/keys/{key['id']}", body)

    assert (changed.status_code, changed.json()) == (200, expected)
    assert gateway.admin("GET", f"/v1/keys/{key['id']}").json() == expected


def test_null_takes_one_entry_out_of_the_metadata(gateway: Running) -> None:
    key = made(gateway, **FULL)

    changed = gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"metadata": {"team": None}}).json()

    assert changed["metadata"] == {"cost_centre": "12"}


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    **{
        name: ({name: 1}, "unsupported_field", name)
        for name in ("tenant", "st", "v", "d20261122", "res", "secret_hash", "allowed_routes", "role", "admin", "id")
    },
    "revoked by a change": ({"status": "revoked"}, "invalid_value", "status"),
    "null status": ({"status": None}, "invalid_value", "status"),
    "null name": ({"name": None}, "invalid_type", "name"),
    "negative limit": ({"limits": {"per_day_usd": -1}}, "invalid_value", "limits.per_day_usd"),
    "endless limit": ({"limits": {"per_day_usd": 1e30}}, "invalid_value", "limits.per_day_usd"),
    "unknown limit": ({"limits": {"per_year_usd": 1}}, "unsupported_field", "limits.per_year_usd"),
    "unknown module": ({"pipeline": "nothing"}, "invalid_pipeline", "x-prxy-pipe"),
    "metadata that is no text": ({"metadata": {"a": 1}}, "invalid_type", "metadata.a"),
    "metadata with a line break": ({"metadata": {"a": "b\nc"}}, "invalid_value", "metadata.a"),
    "too much metadata": ({"metadata": {f"n{at}": "" for at in range(17)}}, "invalid_value", "metadata"),
}


@pytest.mark.parametrize(("body", "code", "param"), BAD.values(), ids=BAD.keys())
def test_a_bad_change_is_refused_and_changes_nothing(
    gateway: Running, body: dict[str, Any], code: str, param: str
) -> None:
    """A17, A18."""
    key = described(made(gateway, **FULL))

    reply = gateway.admin("PATCH", f"/v1/keys/{key['id']}", body)

    assert reply.status_code == 400, reply.text
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, param)
    assert gateway.admin("GET", f"/v1/keys/{key['id']}").json() == key


def test_metadata_that_grew_by_changes_is_bounded_too(gateway: Running) -> None:
    key = made(gateway, metadata={f"n{at}": "" for at in range(16)})

    reply = gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"metadata": {"one_more": ""}})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "metadata")


def test_a_key_larger_than_its_item_may_be_is_refused(gateway: Running) -> None:
    reply = gateway.admin("POST", "/v1/keys", {"name": "a", "models": ["m" * 256] * 256})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_value")


def test_a_frozen_key_calls_nothing_until_it_is_active_again(gateway: Running) -> None:
    key = made(gateway)
    answers = [gateway.chat(ECHO, authorization=f"Bearer {key['key']}")]
    for status in ("frozen", "active"):
        gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"status": status})
        answers.append(gateway.chat(ECHO, authorization=f"Bearer {key['key']}"))

    assert [answer.status_code for answer in answers] == [200, 401, 200]


def test_a_revoked_key_never_lives_again(gateway: Running) -> None:
    """A07."""
    key = made(gateway)
    revoked = [gateway.admin("DELETE", f"/v1/keys/{key['id']}").status_code for _ in range(2)]

    revived = gateway.admin("PATCH", f"/v1/keys/{key['id']}", {"status": "active"})
    rotated = gateway.admin("POST", f"/v1/keys/{key['id']}/rotate", {})

    assert revoked == [204, 204]
    assert [revived.status_code, rotated.status_code] == [400, 400]
    assert gateway.admin("GET", f"/v1/keys/{key['id']}").json()["status"] == "revoked"
    assert gateway.chat(ECHO, authorization=f"Bearer {key['key']}").status_code == 401


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("key_id", ["nosuchkey000", "x", "é" * 12, "a" * 3000, "..%2Fkeys"])
def test_an_id_that_names_no_key_is_not_found(gateway: Running, method: str, key_id: str) -> None:
    """T06."""
    reply = gateway.admin(method, f"/v1/keys/{key_id}", {} if method == "PATCH" else None)

    assert reply.status_code == 404, reply.text


def test_a_list_comes_in_pages_of_which_each_key_is_in_one(gateway: Running) -> None:
    keys = {made(gateway, tenant="paged")["id"] for _ in range(5)}
    made(gateway, tenant="paged2")
    pages, path = [], "/v1/keys?tenant=paged&limit=2"
    for _ in range(4):
        answer = gateway.admin("GET", path).json()
        pages.append([key["id"] for key in answer["data"]])
        if "next" not in answer:
            break
        path = f"/v1/keys?tenant=paged&limit=2&cursor={answer['next']}"

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(key_id for page in pages for key_id in page) == sorted(keys)
    assert "next" not in gateway.admin("GET", "/v1/keys?tenant=paged&limit=5").json()


def test_a_cursor_of_another_list_or_a_changed_one_is_refused(gateway: Running) -> None:
    """A19."""
    for _ in range(2):
        made(gateway, tenant="cursed")
    cursor = gateway.admin("GET", "/v1/keys?tenant=cursed&limit=1").json()["next"]
    changed = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]

    replies = [
        gateway.admin("GET", f"/v1/keys?{query}")
        for query in (
            f"tenant=other&cursor={cursor}",
            f"cursor={cursor}",
            f"tenant=cursed&cursor={changed}",
            "cursor=é",
        )
    ]

    assert [reply.status_code for reply in replies] == [400] * 4
    assert {reply.json()["error"]["param"] for reply in replies} == {"cursor"}


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", ""])
def test_a_bad_limit_of_a_page_is_refused_in_our_words(gateway: Running, limit: str) -> None:
    reply = gateway.admin("GET", f"/v1/keys?limit={limit}")

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "limit")
