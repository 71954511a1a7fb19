"""Amazon S3 Vectors on loopback, strict: parameters by botocore's model of the service, signatures by its signer."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import get_session
from botocore.validate import ParamValidator
from tests.stores import CREDENTIALS, REGION

BUCKET = "answers"
_INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_COMPARISONS = {
    "$eq": lambda one, other: one == other,
    "$gt": lambda one, other: one > other,
    "$lte": lambda one, other: one <= other,
}


class Fault(Exception):
    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status, self.word = status, word


class S3VectorsDouble:
    """The ASGI application. `indexes`: name -> dimension and vectors by key."""

    def __init__(self) -> None:
        self.url = ""
        self.indexes: dict[str, tuple[int, dict[str, Any]]] = {}
        self.operations: list[str] = []
        self.broken: Fault | None = None
        """What every operation answers from now on."""
        self._model = get_session().get_service_model("s3vectors")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, word, answer = 200, "", {}
        try:
            answer = self._answer(scope["method"], scope["path"], headers, body)
        except Fault as fault:
            status, word = fault.status, fault.word
        sent = [(b"content-type", b"application/json")]
        if word:
            sent.append((b"x-amzn-errortype", f"{word}:http://internal.amazon.com/coral/".encode()))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        operation = path.removeprefix("/")
        shape = self._model.operation_model(operation)
        assert (method, path) == (shape.http["method"], shape.http["requestUri"])
        asked = json.loads(body)
        report = ParamValidator().validate(asked, shape.input_shape)
        assert not report.has_errors(), report.generate_report()
        assert headers["content-type"] == "application/json"
        self._check_signature(path, headers, body)
        self.operations.append(operation)
        if self.broken is not None:
            raise self.broken
        if asked["vectorBucketName"] != BUCKET:
            raise Fault(404, "NotFoundException")
        return {
            "CreateIndex": self._create,
            "PutVectors": self._put,
            "QueryVectors": self._query,
            "DeleteVectors": self._delete,
        }[operation](asked)

    def _check_signature(self, path: str, headers: dict[str, str], body: bytes) -> None:
        signer = SigV4Auth(Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key), "s3vectors", REGION)
        signed = {"content-type": headers["content-type"], "X-Amz-Date": headers["x-amz-date"]}
        request = AWSRequest(method="POST", url=f"http://{headers['host']}{path}", data=body, headers=signed)
        request.context["timestamp"] = headers["x-amz-date"]
        text = signer.string_to_sign(request, signer.canonical_request(request))
        expected = signer.signature(text, request)
        if headers["authorization"].rpartition("Signature=")[2] != expected:
            raise Fault(403, "AccessDeniedException")

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert _INDEX_NAME.fullmatch(asked["indexName"])
        assert (asked["dataType"], asked["distanceMetric"]) == ("float32", "cosine")
        if asked["indexName"] in self.indexes:
            raise Fault(409, "ConflictException")
        self.indexes[asked["indexName"]] = (asked["dimension"], {})
        return {}

    def _found(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if asked["indexName"] not in self.indexes:
            raise Fault(404, "NotFoundException")
        return self.indexes[asked["indexName"]]

    def _put(self, asked: dict[str, Any]) -> dict[str, Any]:
        dimension, vectors = self._found(asked)
        for each in asked["vectors"]:
            if len(each["data"]["float32"]) != dimension or len(json.dumps(each["metadata"])) > 2048:
                raise Fault(400, "ValidationException")
            vectors[each["key"]] = each
        return {}

    def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        dimension, vectors = self._found(asked)
        query = asked["queryVector"]["float32"]
        if len(query) != dimension or not 1 <= asked["topK"] <= 100:
            raise Fault(400, "ValidationException")
        passed = [each for each in vectors.values() if _passes(each["metadata"], asked["filter"])]
        found = sorted(
            ({"key": each["key"], "distance": 1 - _cosine(query, each["data"]["float32"])} for each in passed),
            key=lambda each: each["distance"],
        )
        return {"vectors": found[: asked["topK"]], "distanceMetric": "cosine"}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        _, vectors = self._found(asked)
        for key in asked["keys"]:
            vectors.pop(key, None)
        return {}


def _passes(metadata: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Raises KeyError for an operator that is not known here."""
    if "$and" in wanted:
        return len(wanted) == 1 and all(_passes(metadata, each) for each in wanted["$and"])
    return all(
        _COMPARISONS[operator](metadata[name], value)
        for name, comparison in wanted.items()
        for operator, value in comparison.items()
    )


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


@contextmanager
def running_s3_vectors() -> Iterator[S3VectorsDouble]:
    double = S3VectorsDouble()
    config = uvicorn.Config(double, port=0, log_level="critical", lifespan="off", ws="none", loop="asyncio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(1000):
        if server.started:
            break
        thread.join(0.01)
    double.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield double
    finally:
        server.should_exit = True
        thread.join(10)
