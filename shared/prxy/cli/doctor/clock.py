"""This machine's clock beside another one's, as its Date header tells it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from prxy.cli.doctor.findings import Finding, fail, ok, warn

SIGNATURE_S = 300
"""AWS refuses a signature whose time is further away:
https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html, as of 2026-11-23."""
NOTICED_S = 5
_FIX = "Let the machine set its clock by NTP, for instance `timedatectl set-ntp true`."


def skew(check: str, date: str | None, whose: str) -> Iterator[Finding]:
    """Nothing where no readable date came. A date is whole seconds, and has travelled."""
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return
    off_s = (datetime.now(UTC) - told.astimezone(UTC)).total_seconds()
    said = f"this clock is {abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} {whose}."
    if abs(off_s) > SIGNATURE_S:
        yield fail(check, f"{said} AWS refuses signatures of such a time, and budgets count for the wrong day.", _FIX)
    elif abs(off_s) > NOTICED_S:
        yield warn(check, said, _FIX)
    else:
        yield ok(check, f"it agrees with {whose}.")
