from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.stores import PATIENT, CountingTransport, fresh_table, store_transport

from prxy.providers.transport import Transport
from prxy.store.keys import DynamoKeyAdministration
from prxy.store.ledger import DynamoLedger
from prxy.store.table import Table


@pytest.fixture
async def transport() -> AsyncIterator[CountingTransport]:
    async for each in store_transport():
        yield CountingTransport(each)


@pytest.fixture
async def table(transport: Transport) -> Table:
    return await fresh_table(transport)


@pytest.fixture
def administration(table: Table) -> DynamoKeyAdministration:
    return DynamoKeyAdministration(table)


@pytest.fixture
def ledger(table: Table) -> DynamoLedger:
    return DynamoLedger(table, reserving=PATIENT, settling=PATIENT)
