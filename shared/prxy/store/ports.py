"""What the gateway needs remembered, named by purpose. Adapters live beside this file; nothing above it names one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Literal, Protocol

from msgspec import Struct

from prxy.canonical.parts import Json, Part
from prxy.canonical.response import ChatResponse
from prxy.store.records import (
    Account,
    ApiKey,
    Attempted,
    AuditEntry,
    Budget,
    Claim,
    DayOfUse,
    Hold,
    Once,
    ProviderKey,
    Standing,
    Use,
)


class Keys(Protocol):
    async def find(self, key_id: str) -> ApiKey | None:
        """The key of that public id, perhaps some seconds old: enough to check a secret, never enough to spend.

        Raises StoreUnavailable.
        """
        ...

    async def recheck(self, key_id: str) -> ApiKey | None:
        """The key as it stands now, for a secret that did not match: it may have been rotated. Reads once a second.

        Raises StoreUnavailable.
        """
        ...


class KeyPage(Struct, frozen=True, kw_only=True):
    keys: Sequence[ApiKey]
    next: str | None
    """The place behind which the next page begins; None: this is the last one."""


class KeyAdministration(Protocol):
    """Every change raises the version. Raises NotFound (code key_not_found) and StoreUnavailable."""

    async def create(self, key: ApiKey) -> None: ...
    async def read(self, key_id: str) -> ApiKey: ...
    async def list(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """All of them."""
        ...

    async def page(self, tenant: str | None, *, after: str, limit: int) -> KeyPage:
        """At most `limit` keys behind the place `after`; empty: from the first."""
        ...

    async def update(self, key: ApiKey) -> ApiKey:
        """Store the changed key if its version is still the stored one; returns it with the version raised."""
        ...


class BudgetAdministration(Protocol):
    """Every change raises the version. Raises KeyConflict where somebody else was first, and StoreUnavailable."""

    async def create(self, budget: Budget) -> None: ...
    async def read(self, tenant: str, project: str | None = None) -> Budget:
        """Of a tenant, or of one of its projects. Raises NotFound where it has no budget."""
        ...

    async def of_tenants(self) -> Sequence[Budget]: ...
    async def of_projects(self, tenant: str | None = None) -> Sequence[Budget]:
        """Of one tenant; None: of all."""
        ...

    async def update(self, budget: Budget) -> Budget:
        """Store the changed budget if its version is still the stored one; returns it with the version raised."""
        ...


class Budgets(Protocol):
    async def of(self, key: ApiKey) -> tuple[Budget, ...]:
        """What calls of the key draw on besides its own limits, perhaps some seconds old: its project's budget before
        its tenant's, as far as there are such. Raises StoreUnavailable.
        """
        ...


class Ledger(Protocol):
    async def reserve(self, account: Account, claim: Claim) -> Hold:
        """Admit a call and hold its worst case, in one conditional write.

        Raises NotAuthenticated (revoked, frozen, expired), CostLimitExceeded, RateLimited, IdempotencyConflict (a twin
        of a running call), KeyChanged (the claim names the budgets of another project, or bounds no cost where a
        limit in USD is), StoreUnavailable (also where the outcome stayed unknown: no provider may be called then).
        """
        ...

    async def settle(self, hold: Hold, actual_nano: int | None, use: Use | None = None) -> None:
        """Replace the hold by what the call did cost, safe to repeat. None: unknown, all is charged as unconfirmed.

        `use` is told to whoever reads the stream of the table, once for each hold that is settled.

        Raises StoreUnavailable once its retries are spent, having logged it; the hold stays and is forfeited later.
        """
        ...


class KeyCipher(Protocol):
    """Seals texts under a context that has to be named again to open them. Raises ProviderKeyUnavailable."""

    async def seal(self, text: str, context: Mapping[str, str]) -> str: ...
    async def unseal(self, sealed: str, context: Mapping[str, str]) -> str: ...


class ProviderKeyAdministration(Protocol):
    """Raises NotFound (code key_not_found), ProviderKeyUnavailable and StoreUnavailable."""

    async def put(self, key: ProviderKey, text: str) -> ProviderKey: ...
    async def read(self, tenant: str, provider: str) -> ProviderKey: ...
    async def delete(self, tenant: str, provider: str) -> None: ...


class ProviderKeys(Protocol):
    async def of(self, tenant: str) -> Mapping[str, ProviderKey]:
        """Provider name -> the tenant's key, perhaps a minute old. Raises StoreUnavailable."""
        ...

    async def unseal(self, key: ProviderKey) -> str:
        """Its text. Raises ProviderKeyUnavailable; no other key may be used in its place."""
        ...


class AuditPage(Struct, frozen=True, kw_only=True):
    entries: Sequence[AuditEntry]
    next: str | None
    """The place behind which the next page begins; None: this is the last one."""


class AuditTrail(Protocol):
    """Raises StoreUnavailable."""

    async def write(self, entry: AuditEntry) -> None: ...
    async def page(self, *, after: str, until_s: int, limit: int) -> AuditPage:
        """At most `limit` entries behind a place, the oldest first. Thirteen digits of epoch milliseconds are a place
        before all entries of that moment; `until_s`: epoch seconds after which nothing was written yet.
        """
        ...


class Sweeper(Protocol):
    async def sweep(self, account_id: str, now: int) -> int:
        """Forfeit some holds of an account that are past their expiry; how many, 0 where none is left.

        Raises NotFound and StoreUnavailable.
        """
        ...


class Standings(Protocol):
    async def standings(self, account_id: str, now: int) -> tuple[Standing, Standing]:
        """Of the day and of the month, as the next reserve will find them. Raises NotFound and StoreUnavailable."""
        ...


class UseKeeper(Protocol):
    async def keep(self, records: Sequence[Json]) -> Sequence[int]:
        """Keep what records of the table's stream tell of calls, each once however often it is told.

        Gives the places of those that could not be kept now and are to be told again.
        """
        ...


class HitKeeper(Protocol):
    async def tell(self, key_id: str, tenant: str, hits: Sequence[Use]) -> None:
        """Have the stream of the table tell what caches answered; safe to repeat. Raises StoreUnavailable.

        Where the outcome stays unknown it may have been told: telling it again changes nothing.
        """
        ...


class UsePage(Struct, frozen=True, kw_only=True):
    calls: Sequence[Use]
    """In the order in which they were admitted."""
    next: str | None
    """The place behind which the next page begins; None: this is the last one."""


class UseReports(Protocol):
    async def days(self, key_id: str, first: str, last: str) -> Sequence[DayOfUse]:
        """What a key used from one day (`20261122`) to another, both included. Raises StoreUnavailable."""
        ...

    async def calls(self, key_id: str, day: str, limit: int, after: str = "") -> UsePage:
        """At most `limit` of what a key used in a day, one by one, behind the place `after`; empty: from the first.

        Raises StoreUnavailable.
        """
        ...


class Reconciled(Struct, frozen=True, kw_only=True):
    """What became of an attempt whose charge nobody had confirmed."""

    accounts: Sequence[Literal["key", "project", "tenant"]]
    """Whose charge was replaced by the cost just now: `key`, `project`, `tenant`. None: all of them were before."""
    given_back_nano: int
    """To each of these."""


class Reconciliation(Protocol):
    async def reconcile(self, key: ApiKey, attempt: Attempted, cost_nano: int, now: int) -> Reconciled:
        """Replace what is charged for an attempt without the provider's word by what it did cost, in the key and in the
        budgets that it drew on; in counters and in sums of use, all at once, safe to repeat.

        Raises NotFound, KeyConflict (it is settled, at another cost), InvalidRequest (more than was held) and
        StoreUnavailable.
        """
        ...


class ResponseCache(Protocol):
    """Partitioned by tenant: no digest of one tenant is ever looked up for another."""

    async def get(self, tenant: str, digest: str) -> ChatResponse | None: ...
    async def put(self, tenant: str, digest: str, response: ChatResponse, ttl_s: int) -> None: ...


class Shelf(Struct, frozen=True, kw_only=True):
    """Where vectors stand that may be compared: nothing on one shelf is ever found from another."""

    tenant: str
    name: str


class VectorStore(Protocol):
    """Raises StoreUnavailable and ProviderError; the caller does without."""

    async def nearest(self, shelf: Shelf, vector: Sequence[float], least: float) -> Sequence[str]:
        """Names of the few live vectors whose cosine with this one is at least `least`, the greatest cosine first."""
        ...

    async def add(self, shelf: Shelf, name: str, vector: Sequence[float], ttl_s: int) -> None: ...


class ReasoningMemory(Protocol):
    """Signed parts that a client's wire cannot carry, kept under the id of the tool call they led to."""

    async def get(self, tenant: str, call_ids: Sequence[str]) -> Mapping[str, Sequence[Part]]: ...
    async def put(self, tenant: str, call_id: str, parts: Sequence[Part]) -> None: ...


class Idempotency(Protocol):
    """At most one attempt at a time under an Idempotency-Key; the answer of a finished one is kept for a day."""

    async def claim(self, once: Once, lasts_s: float) -> ChatResponse | None:
        """Begin an attempt that is over in `lasts_s`, or give the answer of the one that finished before.

        Raises IdempotencyKeyReused (the key came with another request), IdempotencyConflict (an attempt runs),
        NotReplayable and StoreUnavailable (also where the outcome stayed unknown).
        """
        ...

    async def finish(self, once: Once, response: ChatResponse) -> None:
        """Keep the answer. Does nothing where another attempt took over. Raises StoreUnavailable."""
        ...

    async def abandon(self, once: Once) -> None:
        """Let the next attempt run, with whatever request. Does nothing where one does. Raises StoreUnavailable."""
        ...


class Circuit(Enum):
    """Whether a model is worth asking."""

    CLOSED = "closed"
    OPEN = "open"
    """It failed too often a moment ago."""
    HALF_OPEN = "half_open"
    """One call may try it."""


class Breakers(Protocol):
    """Circuit breakers, one for each tenant and target (`provider/model`). Every method raises StoreUnavailable."""

    async def look(self, tenant: str, targets: Sequence[str]) -> Mapping[str, Circuit]:
        """How they stand, perhaps some seconds ago."""
        ...

    async def may_try(self, tenant: str, target: str) -> bool:
        """Ask for the one try of a half-open target; False where another call has it."""
        ...

    async def failed(self, tenant: str, target: str) -> None: ...
    async def answered(self, tenant: str, target: str) -> None: ...


class Lesson(Struct, frozen=True, kw_only=True):
    """What calls taught about a model, in thousandths of a whole good answer."""

    count: int = 0
    reward_milli: int = 0
    """The sum over all of them."""

    @property
    def mean_milli(self) -> float:
        return self.reward_milli / self.count if self.count else 0.0


class Lessons(Protocol):
    """By tenant, kind of question (`bucket`) and target (`provider/model`). Every method raises StoreUnavailable."""

    async def recall(self, tenant: str, bucket: str, targets: Sequence[str]) -> Mapping[str, Lesson]:
        """One for each of the targets, perhaps a minute old; an empty one where nothing is known."""
        ...

    async def learn(self, tenant: str, bucket: str, target: str, reward_milli: int) -> None: ...


class Latencies(Protocol):
    """Seconds until answers began, smoothed; streams and whole answers apart."""

    def note(self, tenant: str, target: str, *, stream: bool, seconds: float) -> None: ...
    def known(self, tenant: str, target: str, *, stream: bool) -> float | None:
        """None where nothing was measured lately."""
        ...
