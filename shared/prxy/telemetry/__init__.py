"""What an operator sees of the calls: lines, metrics, spans and hits of caches, each a journal of its own."""

from __future__ import annotations

from prxy.call_record import Journal
from prxy.hits import HitJournal
from prxy.providers.transport import Transport
from prxy.settings import Settings
from prxy.store.ports import HitKeeper
from prxy.telemetry.emf import EmfJournal
from prxy.telemetry.journals import Journals
from prxy.telemetry.lines import LogJournal


def journal_of(settings: Settings, transport: Transport, hits: HitKeeper) -> Journal:
    """Lines and hits always, metrics and spans where the settings ask for it. `transport`: the way to the collector."""
    journals: list[Journal] = [LogJournal(), HitJournal(hits)]
    if settings.metrics_namespace is not None:
        journals.append(EmfJournal(settings.metrics_namespace))
    if settings.otlp_endpoint is not None:
        from prxy.telemetry.otlp import Collector, OtlpJournal  # noqa: PLC0415  # 2 ms of cold start, only when asked for

        collector = Collector(endpoint=settings.otlp_endpoint, headers=settings.otlp_headers)
        journals.append(OtlpJournal(collector, transport))
    return Journals(*journals)
