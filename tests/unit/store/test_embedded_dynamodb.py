"""The DynamoDB of laptops and tests is as atomic as the real one, under threads too."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import threading
from urllib.parse import urlsplit

import pytest
from tests.stores import CREDENTIALS, REGION

from prxy.local import dynamodb
from prxy.providers.aws.sigv4 import Scope, Signable, sign

THREADS, EACH, UNITS = 50, 30, 800


class Client:
    """One keep-alive connection, without retries: every answer counts."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=120)

    def call(self, operation: str, **parameters: object) -> int:
        body = json.dumps(parameters).encode()
        headers = {"host": self._host, "x-amz-target": f"DynamoDB_20120810.{operation}"}
        scope = Scope(region=REGION, service="dynamodb", timestamp="20261122T120000Z")
        request = Signable(method="POST", path="/", headers=tuple(headers.items()))
        self._connection.request("POST", "/", body, {**headers, **sign(request, body, CREDENTIALS, scope)})
        reply = self._connection.getresponse()
        self.answer = json.loads(reply.read())
        return reply.status

    def close(self) -> None:
        self._connection.close()


def test_fifty_threads_take_exactly_what_is_there() -> None:
    with dynamodb.running() as url:
        name, setup = f"prxy-{secrets.token_hex(6)}", Client(url)
        schema = {
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        setup.call("CreateTable", TableName=name, **schema)
        setup.call("PutItem", TableName=name, Item={"pk": {"S": "a"}, "n": {"N": str(UNITS)}})
        take = {
            "TableName": name,
            "Key": {"pk": {"S": "a"}},
            "UpdateExpression": "SET n = n - :one",
            "ConditionExpression": "n >= :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        statuses: list[int] = []

        def work() -> None:
            client = Client(url)
            statuses.extend(client.call("UpdateItem", **take) for _ in range(EACH))
            client.close()

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        setup.call("GetItem", TableName=name, Key={"pk": {"S": "a"}})
        left = setup.answer["Item"]["n"]
        setup.close()

    assert statuses.count(200) == UNITS
    assert statuses.count(400) == THREADS * EACH - UNITS
    assert left == {"N": "0"}


def test_a_stopped_store_leaves_its_port() -> None:
    with dynamodb.running() as url:
        address = urlsplit(url)

    with pytest.raises(ConnectionRefusedError), socket.create_connection((address.hostname, address.port), timeout=1):
        pass
