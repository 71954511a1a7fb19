"""Everything a call may touch, put together by `wiring`, and what it decided to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, structs

from prxy.call_record import Journal
from prxy.canonical.errors import NotAuthenticated
from prxy.canonical.loss import Loss
from prxy.canonical.request import ChatRequest
from prxy.canonical.stream import EventFilter
from prxy.catalog import Catalog, ModelCard
from prxy.formats.base import Format
from prxy.pipeline.base import Call
from prxy.pipeline.pipelines import Pipelines
from prxy.providers.base import ConfiguredProvider
from prxy.providers.egress import ConfinedTransport
from prxy.providers.transport import Deadlines, HttpRequest, Transport
from prxy.routing import Target
from prxy.store.ports import Budgets, Idempotency, Keys, Ledger, ProviderKeys, ReasoningMemory


class Gateway(Struct, frozen=True, kw_only=True):
    pipelines: Pipelines
    providers: Mapping[str, ConfiguredProvider]
    catalog: Catalog
    keys: Keys
    budgets: Budgets
    provider_keys: ProviderKeys
    ledger: Ledger
    memory: ReasoningMemory
    idempotency: Idempotency
    transport_of: Callable[[ConfiguredProvider], Transport]
    deadlines: Deadlines
    journal: Journal
    keepalive_s: float
    """Silence after which a stream sends a comment."""
    clock: Callable[[], float]
    """Epoch seconds."""

    async def renewed(self, call: Call) -> Call:
        """The call under the limits, the project and the budgets of its key as they stand by now.

        Raises NotAuthenticated and StoreUnavailable.
        """
        stored = await self.keys.find(call.key.id)
        if stored is None:
            raise NotAuthenticated
        key = structs.replace(call.key, project=stored.project, limits=stored.limits)
        return structs.replace(call, key=key, budgets=await self.budgets.of(key))

    def way_out(self, provider: ConfiguredProvider, egress: Sequence[str] | None) -> Transport:
        """The transport to a provider; `egress`: the only hosts that it may lead to, None for any."""
        transport = self.transport_of(provider)
        return transport if egress is None else ConfinedTransport(transport, egress)


class Plan(Struct, frozen=True, kw_only=True):
    """One request to one provider, before it is sent."""

    target: Target
    card: ModelCard
    format: Format
    request: ChatRequest
    """As adapted to the target; what the body was rendered from."""
    losses: tuple[Loss, ...]
    filter: EventFilter | None
    http: HttpRequest
    chosen_output_limit: int | None
    """Output limit that the gateway chose, None where it is the client's own or there is none."""

    @property
    def passes_frames(self) -> bool:
        """Whether the answer comes in the client's own words, so that its frames may pass as they stand."""
        return self.filter is None and self.format.name == self.request.format
