"""What /v1/usage answers, and call by call /v1/usage/calls: types of routes, as in `answers`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prxy.api.control.answers import Answer, is_absent


class Used(Answer):
    calls: int
    unpriced_calls: int
    """Calls of models without a known price; they are not in `cost_usd`."""
    input_tokens: int
    cached_input_tokens: int
    """Of input_tokens."""
    cache_write_tokens: int
    """Of input_tokens."""
    output_tokens: int
    reasoning_tokens: int
    """Of output_tokens."""
    cost_usd: str
    unconfirmed_usd: str
    """Held for calls whose end nobody saw."""
    saved_usd: str
    """What providers would have charged for the answers of caches."""


class UsageRow(Used):
    """What was used under one name: that of the day, or of whatever else it is grouped by."""

    day: str | None = Field(default=None, exclude_if=is_absent)
    month: str | None = Field(default=None, exclude_if=is_absent)
    model: str | None = Field(default=None, exclude_if=is_absent)
    """As `provider/model`."""
    provider: str | None = Field(default=None, exclude_if=is_absent)
    key: str | None = Field(default=None, exclude_if=is_absent)
    tenant: str | None = Field(default=None, exclude_if=is_absent)
    project: str | None = Field(default=None, exclude_if=is_absent)
    """As `tenant/project`; nothing behind the slash for calls of no project."""


class Budget(Answer):
    """How much of a limit is gone at this moment: of a key, or of a budget that keys share, which admins are told."""

    key_id: str | None = Field(default=None, exclude_if=is_absent)
    """Where it is a key's."""
    tenant: str | None = Field(default=None, exclude_if=is_absent)
    """Where it is a tenant's, or that of a project in it."""
    project: str | None = Field(default=None, exclude_if=is_absent)
    """Where it is a project's."""
    window: Literal["day", "month"]
    limit_usd: str | None
    spent_usd: str
    reserved_usd: str
    """Held for calls that are running."""
    unconfirmed_usd: str
    resets_at: str
    """UTC, as 2026-11-22T00:00:00Z."""


class UsageReport(Answer):
    object: Literal["list"] = "list"
    data: list[UsageRow]
    totals: Used
    """Of all pages."""
    budgets: list[Budget]
    """On the first page."""
    next: str | None
    """Cursor of the next page."""


class UsedCall(Answer):
    """One attempt at a provider, or the answer of a cache in its place."""

    attempt: str
    """Names it among all of its key; a call that asks several models has several."""
    request_id: str
    """`x-request-id` of the call; of one whose process died the `rid` of its hold."""
    admitted_at: str
    """UTC, as 2026-11-22T00:00:00Z."""
    key_id: str
    tenant: str
    project: str | None
    """That of the key when the call was admitted."""
    calls: int
    """1, or 0 where it is a further attempt of a call, or a step of its modules, that counts elsewhere."""
    provider: str
    """`unknown` where the process of the call died; so is the model."""
    model: str
    requested_model: str
    """As the client wrote it."""
    answered_model: str
    """As the provider reported it."""
    status: int
    """Of HTTP."""
    error: str | None
    """Its code."""
    cache: str | None
    """The module that answered in the provider's place."""
    modules: list[str]
    """Those that ran, 8 at most."""
    input_tokens: int
    cached_input_tokens: int
    """Of input_tokens."""
    cache_write_tokens: int
    """Of input_tokens."""
    output_tokens: int
    reasoning_tokens: int
    """Of output_tokens."""
    cost_usd: str | None
    """Null where no price is known."""
    unconfirmed_usd: str
    """Charged in full because the provider's word is missing."""
    saved_usd: str
    """What the provider would have charged for the answer of a cache."""
    admitted_ms: int | None
    """From its arrival until a provider could be asked; null where none gave an answer."""
    first_byte_ms: int | None
    """From then until the answer began."""
    lasted_ms: int
    """From the hold to the settlement; of a hit, from its arrival to its last byte."""


class UsedCallList(Answer):
    object: Literal["list"] = "list"
    data: list[UsedCall]
    next: str | None
    """Cursor of the next page."""
