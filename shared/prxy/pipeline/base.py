"""What a module is, and what it sees of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Protocol

from msgspec import Struct

from prxy.canonical.errors import GatewayError
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import EventFilter
from prxy.catalog import ModelCard
from prxy.pipeline.flights import Flights
from prxy.store.ports import Breakers, Latencies, Lessons, ResponseCache, VectorStore
from prxy.store.records import NO_LIMITS, ApiKey, Budget, Limits, Once, ProviderKey


class Step(Struct, frozen=True, kw_only=True):
    """One line of a pipeline spec."""

    module: str
    config: Mapping[str, object] = {}


class Call(Struct, frozen=True, kw_only=True):
    """One call on its way to a provider. Modules return a changed copy; after admission it is fixed."""

    id: str
    """Names the call everywhere: `x-request-id`, the hold, the usage record."""
    now: int
    """Epoch seconds at which it arrived."""
    arrived_at: float | None = None
    """The same by the clock of the event loop, where somebody wants to know how long it took."""
    key: ApiKey
    request: ChatRequest
    budgets: tuple[Budget, ...] = ()
    """Those that the key shares: its project's and its tenant's, as far as there are such."""
    asked: Limits = NO_LIMITS
    """What modules ask for beside the limits of the key and of these, which nothing can widen."""
    targets: tuple[str, ...] = ()
    """Models to ask one after the other until one answers; empty: the one of the request."""
    egress: tuple[str, ...] | None = None
    """The only hosts that a byte of it may go to; None: whatever the operator configured."""
    provider_key: str | None = None
    """The caller's own provider key, for this call only."""
    stored: Mapping[str, ProviderKey] = {}
    """Provider name -> the tenant's own key there, sealed."""
    shaped_by: tuple[Step, ...] = ()
    """The steps of its pipeline that may make another request or answer of it: caches keep what they made apart."""
    once: Once | None = None
    """The attempt that it is, where the client sent an Idempotency-Key."""
    private: bool = False
    """The answer will hold what only this call may see: no module keeps it, or gives another call's in its place."""

    @property
    def limits(self) -> Limits:
        """All that hold for it: the key's, those of the budgets that it shares and what modules ask for."""
        limits = self.key.enforced.under(self.asked)
        for budget in self.budgets:
            limits = limits.under(budget.enforced)
        return limits

    @property
    def account(self) -> object:
        """What tells apart those who pay a provider for it: the caller's own key, else what the tenant has stored."""
        return self.provider_key or self.stored


class Tried(Struct, frozen=True, kw_only=True):
    """An attempt that gave no answer."""

    target: str
    """As `provider/model`."""
    error: GatewayError


class Outcome(Struct, frozen=True, kw_only=True):
    """How a call ended."""

    response: ChatResponse | None = None
    """The whole answer, also of a stream; None where it failed."""
    error: GatewayError | None = None
    cached: bool = False
    """A module answered; no provider was called."""
    target: str | None = None
    """Who was asked last, as `provider/model`; None where nobody was."""
    tried: tuple[Tried, ...] = ()
    """Who was asked before, in vain."""
    own_model: bool = True
    """Whether the model answered that was asked for, and not one that a module chose."""
    private: bool = False
    """The answer holds what only this call may see."""
    first_byte_s: float | None = None
    """Seconds until the answer began; None where it never did."""
    cost_nano: int | None = None
    """Nano-USD that the call was charged, all attempts together; None where that is not known."""


class OnFailure(StrEnum):
    """What the runner does when a hook of the module breaks."""

    SKIP = "skip"
    """Log it and go on without the module: for conveniences."""
    REJECT = "reject"
    """Refuse the call: for guards."""


class Ability(StrEnum):
    """What a module may need of the model that a call goes to."""

    PROMPT_CACHE = "prompt_cache"
    """Takes marks up to which it caches a prompt."""
    TOOLS = "tools"
    PRICES = "prices"
    """What it costs is known."""


class Without(StrEnum):
    """What becomes of a module whose needs the model does not meet. The answer names it in `x-prxy-modules-skipped`."""

    SKIP = "skip"
    """The call goes on without it."""
    DEGRADE = "degrade"
    """It runs, and does what it can."""
    BLOCK = "block"
    """The call is refused."""


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of a model before it is asked."""

    target: str
    """As `provider/model`."""
    card: ModelCard
    usable: bool
    """Whether there is a key for it: the operator's, or the caller's."""
    abilities: frozenset[Ability]


class Models(Protocol):
    def facts(self, model: str, call: Call) -> Facts | None:
        """Of a model by any of its names; None where no provider is known for it."""
        ...


class Embeddings(Protocol):
    """Text as vectors: what means the same points the same way."""

    @property
    def default_model(self) -> str:
        """The model where none is named."""
        ...

    def serves(self, model: str) -> bool:
        """Whether a name, `provider/model` or `local/name`, leads to something that makes vectors."""
        ...

    async def embed(self, text: str, model: str, call: Call) -> Sequence[float]:
        """The vector of a text, on the account of the call. Raises GatewayError, and whatever a local model raises."""
        ...


class Moderator(Protocol):
    """A model that judges texts."""

    async def flagged(self, texts: Sequence[str], model: str, call: Call) -> Sequence[str]:
        """The categories in which any of the texts is objectionable. Raises GatewayError."""
        ...


class Ports(Struct, frozen=True, kw_only=True):
    """What the composition root offers to modules."""

    response_cache: ResponseCache
    embeddings: Embeddings
    moderator: Moderator
    vectors: VectorStore | None
    """None: what it computes with is not installed."""
    models: Models
    flights: Flights
    breakers: Breakers
    lessons: Lessons
    latencies: Latencies
    clock: Callable[[], float]
    """Epoch seconds."""
    random: Callable[[], float]
    """From 0 up to 1, without it."""


class ModuleOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Options of a module, as they stand in a pipeline spec."""


class Module:
    """One step of a pipeline. Every hook is optional; state between hooks belongs to the call, not to the module."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    on_failure: ClassVar[OnFailure]
    needs: ClassVar[frozenset[Ability]] = frozenset()
    without: ClassVar[Without] = Without.SKIP
    shapes: ClassVar[bool] = True
    """Whether what is asked or answered may be another with it: neither a limit nor a cache changes that."""
    budget_s: ClassVar[float] = 1.0
    """Seconds that each of `before` and `after` may take; beyond them the module has failed."""
    Options: ClassVar[type[ModuleOptions]]

    def __init__(self, options: ModuleOptions, ports: Ports) -> None:
        """Keep what the hooks need. Called once for each call that runs the module."""

    async def before(self, call: Call) -> Call | ChatResponse:
        """Go on with a (changed) call, answer in the provider's place, or raise a GatewayError to refuse."""
        return call

    def filter(self, call: Call) -> EventFilter | None:
        """A stage between the provider's events and the client, or None to leave them alone."""
        return None

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Awaited before the last byte is released, on every way out."""
