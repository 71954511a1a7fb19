"""Rows as values. Money is integer nano-USD (10^-9), times are epoch seconds, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from prxy.canonical.parts import Json


class KeyStatus(StrEnum):
    ACTIVE = "A"
    REVOKED = "R"
    FROZEN = "F"


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None: no limit."""

    per_request_nano: int | None = None
    per_day_nano: int | None = None
    per_month_nano: int | None = None
    requests_per_minute: int | None = None
    concurrency: int = 32

    @property
    def money(self) -> bool:
        """Whether any limit is in USD, so that an unknown price must be refused."""
        return any(x is not None for x in (self.per_request_nano, self.per_day_nano, self.per_month_nano))


class ApiKey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One virtual key as stored: everything but its secret."""

    id: str
    """Public id, the twelve characters after the prefix; names the item, survives rotation."""
    name: str
    tenant: str
    admin: bool = False
    status: KeyStatus = KeyStatus.ACTIVE
    version: int = 1
    """Raised by every change of the admin API; each reserve compares it."""
    secret_hash: str = ""
    """SHA-256 of the whole key text, in hex."""
    previous_hash: str | None = None
    """The rotated-out secret, accepted until `previous_until`."""
    previous_until: int | None = None
    expires_at: int | None = None
    created_at: int = 0
    limits: Limits = Limits()
    models: tuple[str, ...] | None = None
    """Allow-list of model patterns (`claude-*`); None allows all."""
    pipeline: Json = None
    """As in `x-prxy-pipe`: a string or a list; None: not set."""
    mandatory: tuple[str, ...] = ()
    modules: tuple[str, ...] | None = None
    """Allow-list of modules that a header may name; None allows all."""
    metadata: Mapping[str, str] = {}


class Claim(Struct, frozen=True, kw_only=True):
    """What a call asks of the ledger before it may reach a provider."""

    request_id: str
    """Names the call; the hold's id is derived from it."""
    nonce: str
    """Names this attempt: a second claim with the same request id and another nonce is a twin."""
    amount_nano: int
    """The most that the provider may bill. 0 where no price is known and no USD limit applies."""
    limits: Limits
    """The key's limits, tightened by modules such as cost-guard."""
    now: int
    """Epoch seconds at admission; fixes the windows for good."""
    module_limits: Limits | None = None
    """What modules alone ask for, so that a raised limit of the key holds at once; None: `limits` stands for them."""


class Lapsed(Struct, frozen=True, kw_only=True):
    """A hold that outlived its expiry: its call died, and what it cost nobody knows."""

    rid: str
    nonce: str | None
    """None: a tombstone."""
    amount_nano: int
    day: str


class Hold(Struct, frozen=True, kw_only=True):
    """A confirmed reservation."""

    key_id: str
    rid: str
    nonce: str
    amount_nano: int
    day: str
    """Attribute names of the windows it was counted in, for instance `d20261122`."""
    month: str
    minute: str
    resent: bool = False
    """The reserve was sent more than once, so settle leaves a tombstone."""
    reserved_at: int = 0
    lapsed: tuple[Lapsed, ...] = ()
    """Holds of dead calls that the settle of this one clears away."""
    outdated: tuple[str, ...] = ()
    """Attribute names of old windows, likewise."""
    requests_remaining: int | None = None
    """Of requests_per_minute, after this call."""


class Standing(Struct, frozen=True, kw_only=True):
    """How much of one window is gone."""

    spent_nano: int
    """Without what is held, with what is unconfirmed."""
    held_nano: int
    unconfirmed_nano: int
    """Charged in full because the provider's word is missing."""


class Once(Struct, frozen=True, kw_only=True):
    """One attempt at a request that its client wants run once, however often it is sent."""

    key_id: str
    word: str
    """What stands in Idempotency-Key."""
    fingerprint: str
    """Tells requests apart: hash of where it was sent and of the bytes of its body."""
    nonce: str
    """Names this attempt."""
