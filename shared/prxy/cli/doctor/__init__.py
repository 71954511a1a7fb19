"""`prxy doctor`: what would keep the gateway from working, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from prxy.cli.doctor import aws_keys, configuration, gateway, provider_keys, table
from prxy.cli.doctor.findings import Finding, Mark, Patient
from prxy.cli.options import ADMIN_VARIABLE, KEY_VARIABLES, LOCAL_URL, kept_key
from prxy.cli.showing import View, shown
from prxy.settings import environment


@click.command()
@click.option("--url", envvar="PRXY_URL", help=f"The gateway.  [default: {LOCAL_URL}]")
@click.option("--online", is_flag=True, help="Try provider keys at their providers. Costs nothing.")
@shown
def doctor(*, url: str | None, online: bool) -> View:
    """Check configuration, keys, table, clock and gateway, and say what to mend.

    Each check is one line: ok, warn or fail, and the fix. Exit status 1 where something fails. Of a key no more than
    the last four characters is shown, and nothing is sent to a provider without --online.
    """
    found = [*_findings(_patient(url, online=online))]
    failed = any(each.mark is Mark.FAIL for each in found)
    document = {"ok": not failed, "checks": [_described(each) for each in found]}
    return View(document=document, text="\n".join(map(_line, found)), failed=failed)


def _patient(url: str | None, *, online: bool) -> Patient:
    env = environment()
    named = next((env[name] for name in KEY_VARIABLES if env.get(name)), None)
    return Patient(
        env=env,
        url=(url or LOCAL_URL).rstrip("/"),
        url_was_named=url is not None,
        online=online,
        api_key=named or kept_key("api_key"),
        admin_key=env.get(ADMIN_VARIABLE) or kept_key("admin_key"),
    )


def _findings(patient: Patient) -> Iterator[Finding]:
    settings, found = configuration.examined(patient.env)
    yield from found
    if settings is not None:
        yield from provider_keys.examined(settings, online=patient.online)
        yield from aws_keys.examined(settings, patient.env)
        yield from table.examined(settings, patient.env)
    yield from gateway.examined(patient)


_COLOURS = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "red"}


def _line(finding: Finding) -> str:
    mark = click.style(f"{finding.mark.value:4}", fg=_COLOURS[finding.mark])
    return f"{mark}  {finding.check}: {finding.said}" + (f" Fix: {finding.fix}" if finding.fix else "")


def _described(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "status": finding.mark.value,
        "message": finding.said,
        "fix": finding.fix or None,
    }
