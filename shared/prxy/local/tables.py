"""The table that a gateway on this machine works with: embedded, named, or of a deployment in AWS."""

from __future__ import annotations

from contextlib import aclosing

from prxy.aws_access import operator_credentials, required
from prxy.local.stream import Stream, keep_use, keep_use_of
from prxy.providers.lean import LeanTransport
from prxy.settings import Settings
from prxy.store.dynamodb import Address, HttpCaller
from prxy.store.ports import UseKeeper
from prxy.store.schema import TABLE
from prxy.store.table import Table


class LocalTable:
    def __init__(self, settings: Settings, stream: Stream | None) -> None:
        """`stream`: that of an embedded store."""
        self._settings, self._stream = settings, stream
        self._address = Address(region=settings.aws.region, endpoint=settings.aws.dynamodb_url)

    async def create(self, table: Table) -> None:
        """Where it is missing. In AWS the template makes it. Raises StoreUnavailable."""
        if not self._address.is_aws:
            await table.create_table(TABLE)

    async def keep_use(self, keeper: UseKeeper) -> None:
        """Keep what the stream tells, for good. In AWS the housekeeping function of the deployment does."""
        if self._stream is not None:
            await keep_use(self._stream, keeper)
        elif not self._address.is_aws:
            async with aclosing(LeanTransport()) as transport:
                credentials = required(operator_credentials(self._settings.aws, transport))
                await keep_use_of(self._settings.table, HttpCaller(transport, self._address, credentials), keeper)
