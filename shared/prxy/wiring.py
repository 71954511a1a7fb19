"""Composition root: the only file that names concrete stores, transports and modules."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Mapping
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

from msgspec import Struct

from prxy.api.app import create_app
from prxy.api.control.later import ControlAppLater
from prxy.api.http import App
from prxy.api.routes import RENDER_ERROR, ROUTES
from prxy.aws_access import kms_cipher, operator_credentials, required, secret_key
from prxy.call_record import Journal
from prxy.canonical.parts import Json
from prxy.catalog import Catalog
from prxy.control import ControlPlane
from prxy.embeddings import GatewayEmbeddings
from prxy.gateway import Gateway
from prxy.housekeeping import Housekeeping
from prxy.known_models import KnownModels
from prxy.logs import log_as_json
from prxy.moderation import GatewayModerator
from prxy.modules import MODULES
from prxy.pipeline.base import Ports
from prxy.pipeline.flights import Flights
from prxy.pipeline.installed import AvailableModules
from prxy.pipeline.pipelines import Pipelines
from prxy.providers import PROVIDERS, bedrock
from prxy.providers.auth import none_needed
from prxy.providers.aws.credentials import CredentialSource, FixedCredentials
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.base import ConfiguredProvider, Provider, Sign, configure
from prxy.providers.compatible import EMBEDDINGS, compatible_row
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Transport
from prxy.settings import ConfigurationError, Settings, from_environment
from prxy.side_calls import SideCalls
from prxy.store.accounts import DynamoBudgets, DynamoKeys
from prxy.store.audit import DynamoAuditTrail
from prxy.store.breakers import DynamoBreakers
from prxy.store.budgets import DynamoBudgetAdministration
from prxy.store.cache import DynamoResponseCache
from prxy.store.dynamodb import Address, make_table
from prxy.store.idempotency import DynamoIdempotency
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.learning import DynamoLessons, OwnLatencies
from prxy.store.ledger import DynamoLedger
from prxy.store.ports import KeyCipher, VectorStore
from prxy.store.provider_keys import provider_keys_over
from prxy.store.reasoning import DynamoReasoningMemory
from prxy.store.reconciling import DynamoReconciliation
from prxy.store.s3_vectors import Bucket, S3Vectors
from prxy.store.schema import budget_at
from prxy.store.sharing import SharedLedger
from prxy.store.table import Table
from prxy.store.usage import DynamoUsage
from prxy.store.vectors import DynamoVectors
from prxy.telemetry import journal_of


class WaysOut(NamedTuple):
    to_store: Transport
    to_providers: Transport


class Planes(Struct, frozen=True, kw_only=True):
    """One process worth of gateway."""

    data: Gateway
    control: ControlPlane
    house: Housekeeping
    ports: Ports
    table: Table
    transports: tuple[Transport, ...]

    async def aclose(self) -> None:
        await self.data.journal.aclose()
        for transport in self.transports:
            await transport.aclose()


def wire(
    settings: Settings,
    store_credentials: Credentials | None = None,
    ways: WaysOut | None = None,
    cipher: KeyCipher | None = None,
) -> Planes:
    """Put everything together. Opens no connection. Raises ConfigurationError. `cipher` takes the place of KMS.

    `store_credentials`: those of an embedded store, which are nobody's at AWS. `ways`: for whoever watches what leaves.
    """
    to_store, to_providers = ways or WaysOut(LeanTransport(), _provider_transport(settings))
    credentials = operator_credentials(settings.aws, to_store)
    table = _table(settings, to_store, store_credentials, credentials)
    stores = _Stores(table, cipher or kms_cipher(settings, credentials, to_store))
    side_calls = SideCalls(
        providers=_providers(settings, credentials, to_store),
        catalog=Catalog(),
        ledger=stores.ledger,
        provider_keys=stores.provider_keys,
        transport_of=lambda provider: provider.row.transport or to_providers,
        deadlines=settings.deadlines,
    )
    ports = _ports(settings, table, side_calls, _vectors(settings, table, to_store, credentials))
    pipelines = Pipelines(AvailableModules(MODULES), ports, settings.pipeline)
    gateway = _gateway(settings, stores, side_calls, pipelines, journal_of(settings, to_store, stores.usage))
    control, transports = _control(settings, stores, pipelines, side_calls.providers), (to_store, to_providers)
    return Planes(data=gateway, control=control, house=_house(stores), ports=ports, table=table, transports=transports)


def _gateway(
    settings: Settings, stores: _Stores, side_calls: SideCalls, pipelines: Pipelines, journal: Journal
) -> Gateway:
    return Gateway(
        pipelines=pipelines,
        providers=side_calls.providers,
        catalog=side_calls.catalog,
        keys=stores.keys,
        budgets=stores.budgets,
        provider_keys=stores.provider_keys,
        ledger=stores.ledger,
        memory=stores.memory,
        idempotency=stores.idempotency,
        transport_of=side_calls.transport_of,
        deadlines=settings.deadlines,
        journal=journal,
        keepalive_s=settings.keepalive_s,
        clock=time.time,
    )


def _table(
    settings: Settings, transport: Transport, embedded: Credentials | None, operator: CredentialSource | None
) -> Table:
    credentials = FixedCredentials(embedded) if embedded else required(operator)
    address = Address(region=settings.aws.region, endpoint=settings.aws.dynamodb_url)
    return make_table(settings.table, transport, address, credentials, patience=settings.store_timeout_s)


def _vectors(
    settings: Settings, table: Table, transport: Transport, credentials: CredentialSource | None
) -> VectorStore | None:
    """Those of the table are searched with numpy, which need not be installed; None where it is not."""
    if settings.vector_bucket is not None:
        aws = settings.aws
        bucket = Bucket(name=settings.vector_bucket, region=aws.region, endpoint=aws.s3vectors_url)
        return S3Vectors(bucket, transport, required(credentials))
    return DynamoVectors(table) if find_spec("numpy") else None


def _ports(settings: Settings, table: Table, side_calls: SideCalls, vectors: VectorStore | None) -> Ports:
    return Ports(
        response_cache=DynamoResponseCache(table),
        embeddings=GatewayEmbeddings(model=settings.embedding_model, side_calls=side_calls),
        moderator=GatewayModerator(side_calls=side_calls),
        vectors=vectors,
        models=KnownModels(side_calls.catalog, side_calls.providers),
        flights=Flights(),
        breakers=DynamoBreakers(table, random.random),
        lessons=DynamoLessons(table),
        latencies=OwnLatencies(),
        clock=time.time,
        random=random.random,
    )


class _Stores:
    """Accounts, over one table."""

    def __init__(self, table: Table, cipher: KeyCipher | None) -> None:
        self.keys, self.budgets = DynamoKeys(table), DynamoBudgets(table)
        self.of_keys = DynamoLedger(table, remember=self.keys.remember)
        self.of_budgets = DynamoLedger(table, at=budget_at, remember=self.budgets.remember)
        self.ledger = SharedLedger(self.of_keys, self.of_budgets)
        self.key_administration = DynamoKeyAdministration(table, remember=self.keys.remember)
        self.budget_administration = DynamoBudgetAdministration(table)
        self.memory, self.idempotency = DynamoReasoningMemory(table), DynamoIdempotency(table)
        self.audit, self.usage = DynamoAuditTrail(table), DynamoUsage(table)
        self.reconciliation = DynamoReconciliation(table)
        self.provider_keys, self.provider_key_administration = provider_keys_over(table, cipher)


def _control(settings: Settings, stores: _Stores, pipelines: Pipelines, providers: Collection[str]) -> ControlPlane:
    return ControlPlane(
        keys=stores.keys,
        administration=stores.key_administration,
        budgets=stores.budget_administration,
        audit=stores.audit,
        pipelines=pipelines,
        standings=stores.of_keys,
        budget_standings=stores.of_budgets,
        usage=stores.usage,
        reconciliation=stores.reconciliation,
        providers=providers,
        provider_keys=stores.provider_key_administration,
        default_per_day_usd=settings.default_per_day_usd,
        clock=time.time,
    )


def _house(stores: _Stores) -> Housekeeping:
    return Housekeeping(
        keys=stores.key_administration,
        budgets=stores.budget_administration,
        of_keys=stores.of_keys,
        of_budgets=stores.of_budgets,
        use=stores.usage,
        clock=time.time,
    )


def _signers(settings: Settings, credentials: CredentialSource | None, to_aws: Transport) -> Mapping[str, Sign]:
    """What authorises calls that carry no key: AWS credentials for Bedrock, a secret where one is named."""
    if credentials is None:
        return {}
    secrets: dict[str, Sign] = {
        name: secret_key(name, arn, credentials, to_aws) for name, arn in settings.provider_key_arns.items()
    }
    return {bedrock.PROVIDER.name: bedrock.signer(settings.aws.region, credentials)} | secrets


def _added_row(name: str) -> Provider:
    return compatible_row(name, None, none_needed, embeddings_path=EMBEDDINGS)


def _providers(
    settings: Settings, credentials: CredentialSource | None, to_aws: Transport
) -> Mapping[str, ConfiguredProvider]:
    """Bedrock is configured by the variables of AWS, unless its own say otherwise."""
    aws, name = settings.aws, bedrock.PROVIDER.name
    keys = {name: aws.bedrock_key} if aws.bedrock_key else {}
    try:
        return configure(
            [*PROVIDERS.values(), *(_added_row(name) for name in settings.added_providers)],
            keys={**keys, **settings.provider_keys},
            urls={
                name: aws.bedrock_url or bedrock.runtime_url(aws.region),
                **settings.added_providers,
                **settings.provider_urls,
            },
            signers=_signers(settings, credentials, to_aws),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _provider_transport(settings: Settings) -> Transport:
    if settings.transport == "lean":
        return LeanTransport()
    from prxy.providers.through_httpx import HttpxTransport  # noqa: PLC0415  # 100 ms of cold start, only when asked for

    return HttpxTransport()


def local_app(planes: Planes) -> App:
    """Every route in one application."""
    mounted = [each for make in ROUTES.values() for each in make(planes.data)]
    return create_app(mounted, RENDER_ERROR, ControlAppLater(planes.control))


@cache
def _planes() -> Planes:
    log_as_json()
    return wire(from_environment(PROVIDERS))


def data_plane(*routes: str) -> App:
    """The application of one function of the data plane: the named entries of `ROUTES`."""
    gateway = _planes().data
    return create_app([each for name in routes for each in ROUTES[name](gateway)], RENDER_ERROR)


def control_plane() -> App:
    """The application of the admin functions."""
    from prxy.api.control.app import create_control_app  # noqa: PLC0415  # FastAPI stays out of the data plane

    return create_app([], RENDER_ERROR, create_control_app(_planes().control))


def keep_house(event: object) -> dict[str, Json]:
    """Housekeeping, for the function that is given records of the table's stream and, by the clock, anything else."""
    log_as_json()

    async def once() -> dict[str, Json]:
        planes = wire(from_environment(PROVIDERS))
        try:
            return await planes.house.answer(event)
        finally:
            await planes.aclose()

    return asyncio.run(once())
