"""Rows as values. Money is integer nano-USD (10^-9), times are epoch seconds, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from prxy.canonical.parts import Json


class KeyStatus(StrEnum):
    ACTIVE = "A"
    REVOKED = "R"
    FROZEN = "F"


class BudgetMode(StrEnum):
    """What happens to a call that does not fit into a budget that its key shares with others."""

    HARD_FAIL = "hard_fail"
    """It is refused."""
    WARN = "warn"
    """It is counted and goes on, and its answer says so."""
    OFF = "off"
    """It is counted."""


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
        return self.least_nano is not None

    @property
    def least_nano(self) -> int | None:
        """What one call may cost at the most, in an untouched window."""
        return _tighter(self.per_request_nano, _tighter(self.per_day_nano, self.per_month_nano))

    def under(self, other: Limits) -> Limits:
        """The tighter of both, limit by limit."""
        if other is NO_LIMITS:
            return self
        return Limits(
            per_request_nano=_tighter(self.per_request_nano, other.per_request_nano),
            per_day_nano=_tighter(self.per_day_nano, other.per_day_nano),
            per_month_nano=_tighter(self.per_month_nano, other.per_month_nano),
            requests_per_minute=_tighter(self.requests_per_minute, other.requests_per_minute),
            concurrency=min(self.concurrency, other.concurrency),
        )


def _tighter(one: int | None, other: int | None) -> int | None:
    return one if other is None or (one is not None and one <= other) else other


MOST_CONCURRENCY = 1_000
NO_LIMITS = Limits(concurrency=MOST_CONCURRENCY)
"""Tightens nothing."""


class ApiKey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One virtual key as stored: everything but its secret."""

    id: str
    """Public id, the twelve characters after the prefix; names the item, survives rotation."""
    name: str
    tenant: str
    project: str | None = None
    """A name inside its tenant; None: it belongs to none."""
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

    @property
    def shared(self) -> tuple[str, ...]:
        """Ids of the budgets that its calls draw on besides its own limits, wherever there are such."""
        whole = budget_id(self.tenant)
        return (whole,) if self.project is None else (budget_id(self.tenant, self.project), whole)

    @property
    def enforced(self) -> Limits:
        """The limits under which a call is admitted."""
        return self.limits

    @property
    def announced(self) -> Limits:
        """The limits that a call may go beyond and is only told of."""
        return NO_LIMITS


def budget_id(tenant: str, project: str | None = None) -> str:
    """Names a budget. The length keeps two of them apart whatever characters are in their names."""
    return f"tenant/{tenant}" if project is None else f"project/{len(tenant)}/{tenant}/{project}"


class Budget(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all keys of a tenant, or of one of its projects, may spend together, beside each key's own limits."""

    tenant: str = field(name="id")
    project: str | None = None
    """None: it is the tenant's."""
    version: int = 1
    """Raised by every change of the admin API; each reserve compares it."""
    mode: BudgetMode = BudgetMode.HARD_FAIL
    limits: Limits = NO_LIMITS
    created_at: int = 0

    @property
    def id(self) -> str:
        return budget_id(self.tenant, self.project)

    @property
    def kind(self) -> str:
        return "tenant" if self.project is None else "project"

    @property
    def enforced(self) -> Limits:
        """The limits under which a call is admitted."""
        return self.limits if self.mode is BudgetMode.HARD_FAIL else NO_LIMITS

    @property
    def announced(self) -> Limits:
        """The limits that a call may go beyond and is only told of."""
        return self.limits if self.mode is BudgetMode.WARN else NO_LIMITS


Account = ApiKey | Budget
"""Who pays: an item with counters and holds."""


class Claim(Struct, frozen=True, kw_only=True):
    """What a call asks of the ledger before it may reach a provider."""

    request_id: str
    """Names the call; the hold's id is derived from it."""
    nonce: str
    """Names this attempt: a second claim with the same request id and another nonce is a twin."""
    amount_nano: int
    """The most that the provider may bill; 0 where nothing bounds that."""
    now: int
    """Epoch seconds at admission; fixes the windows for good."""
    bounded: bool = True
    """Whether the amount bounds the bill. Where it does not, no account with a limit in USD may admit the call."""
    again: bool = False
    """A step of a call that is counted as a request elsewhere."""
    limits: Limits = NO_LIMITS
    """What modules such as cost-guard ask for, beside the limits of the key."""
    shared: tuple[Budget, ...] = ()
    """What the call draws on besides."""


class Lapsed(Struct, frozen=True, kw_only=True):
    """A hold that outlived its expiry: its call died, and what it cost nobody knows."""

    rid: str
    nonce: str | None
    """None: a tombstone."""
    amount_nano: int
    day: str
    at: int
    """When its call was admitted: epoch seconds."""
    project: str | None = None
    """That of the key when its call was admitted; where it had none, that of when the hold was found."""


class Hold(Struct, frozen=True, kw_only=True):
    """A confirmed reservation."""

    account_id: str
    """The key, or the budget, whose item it stands in."""
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
    """Names of attributes that nobody will ask for, likewise."""
    requests_remaining: int | None = None
    """Of requests_per_minute, after this call."""
    warned: bool = False
    """A limit was gone beyond that is only announced."""
    shared: tuple[Hold, ...] = ()
    """For the same call, in the budgets of its claim and in their order."""


class Standing(Struct, frozen=True, kw_only=True):
    """How much of one window is gone."""

    spent_nano: int
    """Without what is held, with what is unconfirmed."""
    held_nano: int
    unconfirmed_nano: int
    """Charged in full because the provider's word is missing."""
    resets_at: int
    """When the window ends: epoch seconds."""


class Tokens(Struct, frozen=True, array_like=True):
    """By class, as `Usage` tells them; 0 where a provider did not say."""

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


class Attempted(Struct, frozen=True, kw_only=True):
    """Names a single attempt among all of its key."""

    at: int
    """When it was admitted: epoch seconds."""
    nonce: str

    @property
    def name(self) -> str:
        """As one word, in the order of their admission."""
        return f"{self.at:010d}#{self.nonce}"


class Use(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered of one attempt at a provider. Short names: each settle writes it into the item of the key."""

    request_id: str = field(name="i")
    provider: str = field(name="p")
    model: str = field(name="m")
    """As the provider was asked for it."""
    asked: str | None = field(default=None, name="a")
    """As the client wrote it, where that is another text."""
    answered: str | None = field(default=None, name="w")
    """As the provider reported it, where that is another text."""
    calls: int = field(default=1, name="n")
    """1 for the first attempt of a call, 0 for all others and for the steps of its modules."""
    status: int = field(default=200, name="s")
    """Of HTTP."""
    error: str | None = field(default=None, name="e")
    """Its code."""
    tokens: Tokens = field(default=Tokens(), name="t")
    admitted_ms: int | None = field(default=None, name="d")
    """From its arrival until a provider could be asked; None where none gave an answer, and for steps of modules."""
    first_byte_ms: int | None = field(default=None, name="f")
    """From then on."""
    lasted_ms: int = field(default=0, name="l")
    """From the hold to the settlement; of a hit, from its arrival to its last byte."""
    modules: tuple[str, ...] = field(default=(), name="g")
    project: str | None = field(default=None, name="j")
    """That of the key when the call was admitted."""
    cache: str | None = field(default=None, name="h")
    """The module that answered in the provider's place: then no provider was asked."""
    saved_nano: int = field(default=0, name="v")
    """What the provider would have charged for that answer."""
    unpriced: bool = field(default=False, name="x")
    """Nobody knows what it did cost."""
    nonce: str = field(default="", name="o")
    """Names the attempt. This and what follows is set by the ledger, in the write that charges the account."""
    at: int = field(default=0, name="b")
    """When it was admitted: epoch seconds, of the day that is charged."""
    cost_nano: int = field(default=0, name="c")
    unconfirmed_nano: int = field(default=0, name="u")
    """Charged in full because the provider's word is missing."""

    @property
    def attempt(self) -> Attempted:
        return Attempted(at=self.at, nonce=self.nonce)


class Used(Struct, frozen=True, kw_only=True):
    """Uses, added up."""

    calls: int = 0
    unpriced_calls: int = 0
    """Of which nobody knows what they did cost."""
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0
    unconfirmed_nano: int = 0
    """Charged besides, because the provider's word is missing."""
    saved_nano: int = 0
    """What providers would have charged for what caches answered."""

    def __add__(self, other: Used) -> Used:
        return Used(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class DayOfUse(Struct, frozen=True, kw_only=True):
    """What one key used of one model in one day."""

    key_id: str
    tenant: str
    project: str | None = None
    day: str
    """`20261122`."""
    target: str
    """As `provider/model`."""
    used: Used


class ProviderKey(Struct, frozen=True, kw_only=True):
    """A tenant's own key for a provider, as stored."""

    tenant: str
    provider: str
    last4: str
    updated_at: int
    sealed: str = ""
    """What the cipher made of it."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One change by an admin. Names of fields, never what stands in them."""

    at_ms: int
    """Epoch milliseconds."""
    nonce: str
    """Tells apart what happened in the same millisecond."""
    by: str
    """Id of the admin key."""
    action: str
    """For instance `key.rotate`."""
    target: str
    """For instance `key/` and the key's id."""
    fields: tuple[str, ...] = ()


class Once(Struct, frozen=True, kw_only=True):
    """One attempt at a request that its client wants run once, however often it is sent."""

    key_id: str
    word: str
    """What stands in Idempotency-Key."""
    fingerprint: str
    """Tells requests apart: hash of where it was sent and of the bytes of its body."""
    nonce: str
    """Names this attempt."""
