"""Composition root: the only file that names concrete stores, transports and modules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from prxy.api.app import create_app
from prxy.api.http import App
from prxy.api.routes import RENDER_ERROR, ROUTES
from prxy.catalog import Catalog
from prxy.control import ControlPlane
from prxy.gateway import Gateway
from prxy.housekeeping import Housekeeping
from prxy.known_models import KnownModels
from prxy.logs import log_as_json
from prxy.modules import MODULES
from prxy.pipeline.base import Ports
from prxy.pipeline.flights import Flights
from prxy.pipeline.installed import AvailableModules
from prxy.pipeline.pipelines import Pipelines
from prxy.providers import PROVIDERS, bedrock
from prxy.providers.auth import none_needed
from prxy.providers.aws.credentials import ContainerCredentials, CredentialSource, FixedCredentials
from prxy.providers.aws.secrets import SecretKey, vault_of
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.base import ConfiguredProvider, Sign, configure
from prxy.providers.compatible import compatible_row
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import Transport
from prxy.settings import AwsSettings, ConfigurationError, Settings, from_environment
from prxy.store.accounts import DynamoKeys, DynamoTenants
from prxy.store.cache import DynamoResponseCache
from prxy.store.dynamodb import Address, make_table
from prxy.store.idempotency import DynamoIdempotency
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.reasoning import DynamoReasoningMemory
from prxy.store.schema import tenant_at
from prxy.store.sharing import SharedLedger
from prxy.store.table import Table
from prxy.store.tenants import DynamoTenantAdministration


class WaysOut(NamedTuple):
    to_store: Transport
    to_providers: Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Planes:
    """One process worth of gateway."""

    data: Gateway
    control: ControlPlane
    house: Housekeeping
    ports: Ports
    table: Table
    transports: tuple[Transport, ...]

    async def aclose(self) -> None:
        for transport in self.transports:
            await transport.aclose()


def wire(settings: Settings, store_credentials: Credentials | None = None, ways: WaysOut | None = None) -> Planes:
    """Put everything together. Opens no connection. Raises ConfigurationError.

    `store_credentials`: those of an embedded store, which are nobody's at AWS. `ways`: for whoever watches what leaves.
    """
    to_store, to_providers = ways or WaysOut(LeanTransport(), _provider_transport(settings))
    credentials = _credentials(settings.aws, to_store)
    table = make_table(
        settings.table,
        to_store,
        Address(region=settings.aws.region, endpoint=settings.aws.dynamodb_url),
        FixedCredentials(store_credentials) if store_credentials else _store_credentials(credentials),
        patience=settings.store_timeout_s,
    )
    stores = _Stores(table)
    catalog, providers = Catalog(), _providers(settings, credentials, to_store)
    ports = Ports(
        response_cache=DynamoResponseCache(table),
        models=KnownModels(catalog, providers),
        flights=Flights(),
        clock=time.time,
    )
    pipelines = Pipelines(AvailableModules(MODULES), ports, settings.pipeline)
    gateway = Gateway(
        pipelines=pipelines,
        providers=providers,
        catalog=catalog,
        models=ports.models,
        keys=stores.keys,
        tenants=stores.tenants,
        ledger=SharedLedger(stores.of_keys, stores.of_tenants),
        memory=DynamoReasoningMemory(table),
        idempotency=DynamoIdempotency(table),
        transport_of=lambda provider: provider.row.transport or to_providers,
        deadlines=settings.deadlines,
        keepalive_s=settings.keepalive_s,
        clock=time.time,
    )
    control = _control(settings, stores, pipelines)
    house = _house(stores)
    return Planes(
        data=gateway, control=control, house=house, ports=ports, table=table, transports=(to_store, to_providers)
    )


class _Stores:
    """Accounts, over one table."""

    def __init__(self, table: Table) -> None:
        self.keys, self.tenants = DynamoKeys(table), DynamoTenants(table)
        self.of_keys = DynamoLedger(table, remember=self.keys.remember)
        self.of_tenants = DynamoLedger(table, at=tenant_at, remember=self.tenants.remember)
        self.key_administration = DynamoKeyAdministration(table)
        self.tenant_administration = DynamoTenantAdministration(table)


def _control(settings: Settings, stores: _Stores, pipelines: Pipelines) -> ControlPlane:
    return ControlPlane(
        keys=stores.keys,
        administration=stores.key_administration,
        tenants=stores.tenant_administration,
        pipelines=pipelines,
        default_per_day_usd=settings.default_per_day_usd,
        clock=time.time,
    )


def _house(stores: _Stores) -> Housekeeping:
    return Housekeeping(
        keys=stores.key_administration,
        tenants=stores.tenant_administration,
        of_keys=stores.of_keys,
        of_tenants=stores.of_tenants,
        clock=time.time,
    )


def _secret(name: str, arn: str, credentials: CredentialSource, to_aws: Transport) -> SecretKey:
    try:
        vault = vault_of(arn, to_aws, credentials)
    except ValueError as error:
        raise ConfigurationError(f"{name.upper()}_API_KEY_ARN: {error}.") from error
    return SecretKey(arn, PROVIDERS[name].auth if name in PROVIDERS else none_needed, vault)


def _signers(settings: Settings, credentials: CredentialSource | None, to_aws: Transport) -> Mapping[str, Sign]:
    """What authorises calls that carry no key: AWS credentials for Bedrock, a secret where one is named."""
    if credentials is None:
        return {}
    secrets: dict[str, Sign] = {
        name: _secret(name, arn, credentials, to_aws) for name, arn in settings.provider_key_arns.items()
    }
    return {bedrock.PROVIDER.name: bedrock.signer(settings.aws.region, credentials)} | secrets


def _providers(
    settings: Settings, credentials: CredentialSource | None, to_aws: Transport
) -> Mapping[str, ConfiguredProvider]:
    """Bedrock is configured by the variables of AWS, unless its own say otherwise."""
    aws, name = settings.aws, bedrock.PROVIDER.name
    keys = {name: aws.bedrock_key} if aws.bedrock_key else {}
    try:
        return configure(
            [*PROVIDERS.values(), *(compatible_row(name, None, none_needed) for name in settings.added_providers)],
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


def _credentials(aws: AwsSettings, transport: Transport) -> CredentialSource | None:
    """The operator's own at AWS, None where the environment has none."""
    if aws.credentials_uri:
        return ContainerCredentials(transport, aws.credentials_uri, token=aws.credentials_token)
    if not (aws.access_key_id and aws.secret_access_key):
        return None
    return FixedCredentials(
        Credentials(access_key=aws.access_key_id, secret_key=aws.secret_access_key, token=aws.session_token)
    )


def _store_credentials(found: CredentialSource | None) -> CredentialSource:
    if found is None:
        raise ConfigurationError(
            "No AWS credentials for the table: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "(any words will do where AWS_ENDPOINT_URL_DYNAMODB names a local store)."
        )
    return found


def local_app(planes: Planes) -> App:
    """Every route in one application."""
    from prxy.api.control.app import create_control_app  # noqa: PLC0415  # FastAPI stays out of the data plane

    mounted = [each for make in ROUTES.values() for each in make(planes.data)]
    return create_app(mounted, RENDER_ERROR, create_control_app(planes.control))


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


def keep_house() -> dict[str, int]:
    """One round of housekeeping, for the function that runs by the clock."""
    log_as_json()

    async def once() -> int:
        planes = wire(from_environment(PROVIDERS))
        try:
            return await planes.house.sweep()
        finally:
            await planes.aclose()

    return {"forfeited": asyncio.run(once())}
