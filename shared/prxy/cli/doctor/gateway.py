"""The running gateway: does it answer, is it this version, and are the keys ones that it takes?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from msgspec.structs import replace

from prxy import __version__
from prxy.cli.client import NoAnswer, Reply, fetch, request, shown_address
from prxy.cli.doctor.clock import skew
from prxy.cli.doctor.findings import Finding, Patient, fail, last_four, ok, warn
from prxy.providers.transport import Deadlines
from prxy.store.key_text import parse_key

PATIENCE = Deadlines(connect_s=3.0, first_byte_s=10.0, idle_s=10.0, total_s=15.0)


def examined(patient: Patient) -> Iterator[Finding]:
    """Without a gateway the keys are looked at offline."""
    answers = False
    try:
        health = _get(patient.url, "/health", "")
        answers = isinstance(health.body, dict) and health.body.get("status") == "ok"
        yield from _health(patient, health) if answers else [_no_gateway(patient, f"answers {health.status}")]
    except NoAnswer:
        yield _silent(patient)
    except click.ClickException as error:
        yield fail("gateway", error.format_message(), "Name the gateway in PRXY_URL.")
    yield from _key("API key", "PRXY_API_KEY", patient.api_key, patient.url if answers else None)
    yield from _key("admin key", "PRXY_ADMIN_KEY", patient.admin_key, patient.url if answers else None)


def _get(url: str, path: str, key: str) -> Reply:
    return fetch(replace(request("GET", url + path, key), deadlines=PATIENCE))


def _silent(patient: Patient) -> Finding:
    fix = "`prxy serve` starts one here; PRXY_URL names one that runs elsewhere."
    said = f"nothing answers at {shown_address(patient.url)}."
    return fail("gateway", said, fix) if patient.url_was_named else warn("gateway", said, fix)


def _no_gateway(patient: Patient, said: str) -> Finding:
    said = f"{shown_address(patient.url + '/health')} {said}, as no gateway does."
    return fail("gateway", said, "Name its base URL in PRXY_URL, without /v1.")


def _health(patient: Patient, health: Reply) -> Iterator[Finding]:
    body: dict[str, Any] = health.body
    usable = ", ".join(body.get("providers", [])) or "none"
    yield ok("gateway", f"{shown_address(patient.url)} answers; providers: {usable}.")
    if body.get("version") == __version__:
        yield ok("version", f"both are {__version__}.")
    else:
        said = f"the gateway is {body.get('version')}, this command {__version__}."
        yield warn("version", said, "Deploy or install the older of the two again.")
    yield from skew("gateway clock", health.headers.get("date"), "the gateway's")


def _key(check: str, variable: str, text: str | None, url: str | None) -> Iterator[Finding]:
    admin = variable == "PRXY_ADMIN_KEY"
    if text is None:
        yield warn(check, "there is none.", f"Set {variable}, or start `prxy serve` in this folder once.")
        return
    parsed, shown = parse_key(text), last_four(text)
    if parsed is None:
        yield fail(check, f"{variable} ({shown}) is no whole key: its checksum is wrong.", "Copy it again, all of it.")
    elif parsed.admin is not admin:
        kind = "an admin key" if parsed.admin else "an ordinary key"
        yield fail(
            check,
            f"{variable} ({shown}) holds {kind}.",
            f"Set it to {'one that begins prxy_admin_' if admin else 'one that begins prxy_live_'}.",
        )
    elif url is None:
        yield ok(check, f"{shown} is whole; no gateway was there to try it.")
    else:
        yield _tried(check, shown, _get(url, "/v1/keys?limit=1" if admin else "/v1/pipeline", text))


def _tried(check: str, shown: str, reply: Reply) -> Finding:
    match reply.status:
        case 200:
            return ok(check, f"the gateway takes {shown}.")
        case 401 | 403:
            fix = "`prxy keys list` shows which keys are in force; `prxy keys create` makes one."
            return fail(
                check, f"the gateway refuses {shown} ({reply.status}): it is revoked, expired or of another store.", fix
            )
        case _:
            return warn(
                check,
                f"the gateway answers {reply.status} to {shown}.",
                "Look at its log; the table may be unreachable.",
            )
