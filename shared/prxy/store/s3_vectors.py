"""Vectors in Amazon S3 Vectors: for shelves that outgrow the memory of a function.

Each tenant has an index of its own for each length of vectors, made when it is first written to; the shelf and the
expiry are metadata by which every search filters. The service deletes nothing of itself, so a writer now and then
deletes what has expired near to what it wrote.

Sources, as of 2026-11-22: https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_QueryVectors.html,
…/API_S3VectorBuckets_PutVectors.html, …/API_S3VectorBuckets_CreateIndex.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html and
…/s3-vectors-limitations.html; names of members and errors from the service model of botocore.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from prxy.canonical.parts import Wire
from prxy.providers.aws.credentials import CredentialSource
from prxy.providers.aws.signing import RequestSigner
from prxy.providers.transport import Deadlines, HttpRequest, Transport
from prxy.store.ports import Shelf, VectorStore
from prxy.store.table import StoreRejected

CANDIDATES = 4
"""Names given for one question: the answer of the nearest may be gone before its vector is."""
SWEEP_EVERY, SWEPT = 16, 100
"""After how many writes of a process expired vectors are deleted, and how many at the most."""
ROUNDING = 1e-6
"""The distance is a 32-bit number."""
SHELF, UNTIL = "shelf", "until"

_DEADLINES = Deadlines(connect_s=1.0, first_byte_s=2.0, idle_s=2.0, total_s=3.0)
_MISSING, _MADE_ALREADY = "NotFoundException", "ConflictException"
_log = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


class Found(Struct, frozen=True, kw_only=True):
    key: str
    distance: float = 2.0


class Answer(Struct, frozen=True, kw_only=True):
    """What any of the operations may answer."""

    vectors: list[Found] = []
    word: str = msgspec.field(name="__type", default="")


class Bucket(Struct, frozen=True, kw_only=True):
    name: str
    region: str
    endpoint: str | None = None
    """As in AWS_ENDPOINT_URL_S3VECTORS; None: AWS itself."""

    @property
    def url(self) -> str:
        return (self.endpoint or f"https://s3vectors.{self.region}.api.aws").rstrip("/")


class S3Vectors(VectorStore):
    """Raises StoreRejected, and ProviderError where the service is out of reach."""

    def __init__(
        self,
        bucket: Bucket,
        transport: Transport,
        credentials: CredentialSource,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bucket, self._transport, self._clock = bucket, transport, clock
        self._sign = RequestSigner("s3vectors", bucket.region, credentials, clock=clock)
        self._writes = 0

    async def nearest(self, shelf: Shelf, vector: Sequence[float], least: float) -> Sequence[str]:
        live = {"$and": [{SHELF: {"$eq": shelf.name}}, {UNTIL: {"$gt": int(self._clock())}}]}
        found = await self._query(shelf, vector, live, CANDIDATES)
        return [each.key for each in found if 1 - each.distance >= least - ROUNDING]

    async def add(self, shelf: Shelf, name: str, vector: Sequence[float], ttl_s: int) -> None:
        metadata = {SHELF: shelf.name, UNTIL: int(self._clock()) + ttl_s}
        entry = {"key": name, "data": {"float32": vector}, "metadata": metadata}
        index = self._index(shelf, len(vector))
        try:
            await self._call("PutVectors", {**index, "vectors": [entry]})
        except StoreRejected as refusal:
            if refusal.fault != _MISSING:
                raise
            await self._make(index, len(vector))
            await self._call("PutVectors", {**index, "vectors": [entry]})
        self._writes += 1
        if self._writes % SWEEP_EVERY == 0:
            await self._sweep(shelf, vector)

    async def _sweep(self, shelf: Shelf, vector: Sequence[float]) -> None:
        expired = {UNTIL: {"$lte": int(self._clock())}}
        keys = [each.key for each in await self._query(shelf, vector, expired, SWEPT)]
        if keys:
            await self._call("DeleteVectors", {**self._index(shelf, len(vector)), "keys": keys})

    async def _query(self, shelf: Shelf, vector: Sequence[float], filter_: Wire, count: int) -> Sequence[Found]:
        """The nearest that pass the filter, none where the tenant has no index yet."""
        asked: Wire = {
            **self._index(shelf, len(vector)),
            "topK": count,
            "queryVector": {"float32": vector},
            "filter": filter_,
            "returnDistance": True,
        }
        try:
            return (await self._call("QueryVectors", asked)).vectors
        except StoreRejected as refusal:
            if refusal.fault != _MISSING:
                raise
            return ()

    async def _make(self, index: Wire, dimension: int) -> None:
        """Does nothing where another process was first."""
        kind = {"dataType": "float32", "dimension": dimension, "distanceMetric": "cosine"}
        try:
            await self._call("CreateIndex", {**index, **kind})
        except StoreRejected as refusal:
            if refusal.fault != _MADE_ALREADY:
                raise

    def _index(self, shelf: Shelf, dimension: int) -> Wire:
        """Tenants may contain any character and names of indexes few, so it is hashed."""
        tenant = hashlib.sha256(shelf.tenant.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        return {"vectorBucketName": self._bucket.name, "indexName": f"prxy-{tenant}-{dimension}"}

    async def _call(self, operation: str, parameters: Wire) -> Answer:
        request = HttpRequest(
            url=f"{self._bucket.url}/{operation}",
            headers={"content-type": "application/json"},
            body=_encoder.encode(parameters),
            deadlines=_DEADLINES,
        )
        reply = await self._transport.send(await self._sign(request))
        try:
            body = await reply.read()
        finally:
            await reply.aclose()
        if reply.status == 200:
            return msgspec.json.decode(body or b"{}", type=Answer)
        fault = _fault(reply.headers.get("x-amzn-errortype", ""), body)
        if fault not in (_MISSING, _MADE_ALREADY):
            _log.warning("vector_store_refused", extra={"operation": operation, "cause": fault or str(reply.status)})
        raise StoreRejected(fault)


def _fault(header: str, body: bytes) -> str:
    """The word of an error: in a header, perhaps with an address behind it, or in the body, perhaps behind one."""
    if header:
        return header.partition(":")[0]
    try:
        return msgspec.json.decode(body, type=Answer).word.rpartition("#")[2]
    except msgspec.DecodeError:
        return ""
