"""How the store is asked, how often, and what an answer that is no answer means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import msgspec
import pytest
from tests.stores import CREDENTIALS, NOON, REGION

from prxy.canonical.errors import (
    ProviderConnectionFailed,
    ProviderStreamInterrupted,
    ProviderTimeout,
    StoreUnavailable,
)
from prxy.providers.aws.credentials import ContainerCredentials, FixedCredentials
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.transport import HttpReply, HttpRequest, Transport
from prxy.store.attempts import Attempts
from prxy.store.attributes import Stored, render_item
from prxy.store.dynamodb import Address, make_table
from prxy.store.table import (
    ConditionFailed,
    Item,
    OutcomeUnknown,
    Put,
    Returned,
    StoreRejected,
    Table,
    Throttled,
    Update,
)

TWICE = Attempts(count=2, within_s=5.0)
UPDATE = Update(expression="SET a = :a", condition="a = :b", values={":a": 1, ":b": 2}, returned=Returned.NEW)
KEY = {"pk": "a", "sk": "b"}
DONE = (200, {"Attributes": {"a": {"N": "1"}}})
THROTTLED = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})
REFUSED = (
    400,
    {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": {"a": {"N": "7"}}},
)
BROKEN = (500, {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"})
EXPIRED = (400, {"__type": "com.amazon.coral.service#ExpiredTokenException"})
ON_ITS_WAY = (400, {"__type": "com.amazonaws.dynamodb.v20120810#TransactionInProgressException"})
NO_TABLE = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"})

Answer = tuple[int, Mapping[str, object]] | Exception


class Reply(HttpReply):
    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers = {}
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    async def read(self) -> bytes:
        return self._body

    async def aclose(self) -> None: ...


class ScriptedTransport(Transport):
    """Answers with what was written down, in that order."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer[0], json.dumps(answer[1]).encode())

    async def aclose(self) -> None: ...


def table_over(transport: Transport) -> Table:
    return make_table("t", transport, Address(region=REGION), FixedCredentials(CREDENTIALS))


async def test_an_operation_is_one_signed_post() -> None:
    transport = ScriptedTransport(DONE)

    written = await table_over(transport).update_item(KEY, UPDATE)

    (request,) = transport.requests
    assert written.item == {"a": 1}
    assert not written.resent
    assert (request.method, request.url) == ("POST", "https://dynamodb.eu-central-1.amazonaws.com/")
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.UpdateItem"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "host" not in request.headers
    assert json.loads(request.body) == {
        "TableName": "t",
        "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}},
        "UpdateExpression": "SET a = :a",
        "ConditionExpression": "a = :b",
        "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "2"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ReturnValues": "ALL_NEW",
    }


async def test_the_deadlines_of_an_attempt_are_short() -> None:
    transport = ScriptedTransport(DONE)

    await table_over(transport).update_item(KEY, UPDATE, attempts=TWICE)

    deadlines = transport.requests[0].deadlines
    assert (deadlines.connect_s, deadlines.first_byte_s, deadlines.total_s) == (0.5, 1.0, 1.5)


@pytest.mark.parametrize(
    ("first", "resent"),
    [
        (ProviderConnectionFailed("refused"), False),
        (THROTTLED, False),
        (EXPIRED, False),
        (BROKEN, True),
        (ProviderTimeout("slow"), True),
        (ProviderStreamInterrupted("cut"), True),
    ],
    ids=["not connected", "throttled", "expired token", "500", "timeout", "cut"],
)
async def test_a_second_attempt_knows_whether_the_first_may_have_been_applied(first: Answer, resent: bool) -> None:
    done, refused = ScriptedTransport(first, DONE), ScriptedTransport(first, REFUSED)

    written = await table_over(done).update_item(KEY, UPDATE, attempts=TWICE)
    with pytest.raises(ConditionFailed) as failed:
        await table_over(refused).update_item(KEY, UPDATE, attempts=TWICE)

    assert written.resent is resent
    assert (failed.value.resent, failed.value.item) == (resent, {"a": 7})


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((THROTTLED, THROTTLED), Throttled),
        ((ProviderConnectionFailed("refused"), THROTTLED), Throttled),
        ((ProviderTimeout("slow"), THROTTLED), OutcomeUnknown),
        ((BROKEN, ProviderConnectionFailed("refused")), OutcomeUnknown),
        ((NO_TABLE,), StoreRejected),
        (((403, {}),), StoreRejected),
    ],
    ids=["throttled", "nothing sent", "slow then throttled", "500 then refused", "no table", "forbidden"],
)
async def test_what_is_known_after_the_last_attempt_is_in_the_error(
    answers: tuple[Answer, ...], error: type[StoreUnavailable]
) -> None:
    transport = ScriptedTransport(*answers)

    with pytest.raises(error) as failure:
        await table_over(transport).update_item(KEY, UPDATE, attempts=TWICE)

    assert failure.value.status == 503
    assert failure.value.code == "budget_store_unavailable"
    assert len(transport.requests) == len(answers)


async def test_a_refused_condition_is_not_tried_again() -> None:
    transport = ScriptedTransport(REFUSED)

    with pytest.raises(ConditionFailed) as failed:
        await table_over(transport).update_item(KEY, UPDATE)

    assert failed.value.item == {"a": 7}
    assert len(transport.requests) == 1


async def test_copies_of_a_transaction_have_one_token_and_another_transaction_has_another() -> None:
    transport = ScriptedTransport(ProviderTimeout("slow"), ON_ITS_WAY, (200, {}), (200, {}))
    table, writes = table_over(transport), [Put(item=KEY)]

    await table.transact(writes)
    await table.transact(writes)

    *copies, other = [json.loads(request.body).pop("ClientRequestToken") for request in transport.requests]
    assert copies == copies[:1] * 3
    assert other != copies[0]
    assert all(1 <= len(token) <= 36 for token in (copies[0], other))


async def test_keys_that_a_batch_left_out_are_asked_for_again() -> None:
    first = {"Responses": {"t": [{"pk": {"S": "a"}}]}, "UnprocessedKeys": {"t": {"Keys": [{"pk": {"S": "b"}}]}}}
    transport = ScriptedTransport((200, first), (200, {"Responses": {"t": [{"pk": {"S": "b"}}]}}))

    found = await table_over(transport).get_items([{"pk": "a"}, {"pk": "b"}])

    assert found == [{"pk": "a"}, {"pk": "b"}]
    assert json.loads(transport.requests[1].body) == {"RequestItems": {"t": {"Keys": [{"pk": {"S": "b"}}]}}}


def test_items_survive_the_wire() -> None:
    item: Item = {"s": "ü", "n": -(10**30), "b": True, "z": None, "m": {"x": {"y": 1}}, "l": ["a", 1, [False]], "e": ""}

    wire = json.dumps(render_item(item)).encode()

    assert Stored(msgspec.json.decode(wire, type=dict[str, msgspec.Raw])) == item


@pytest.mark.parametrize("value", [1.5, b"bytes", {1, 2}])
def test_what_the_table_must_not_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        render_item({"a": value})  # type: ignore[dict-item]


def container_answer(expires_at: int, name: str) -> Answer:
    return 200, {
        "AccessKeyId": name,
        "SecretAccessKey": "s",
        "Token": "t",
        "Expiration": datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def test_container_credentials_are_kept_until_five_minutes_before_they_expire() -> None:
    now = [NOON]
    transport = ScriptedTransport(container_answer(NOON + 3600, "ONE"), container_answer(NOON + 7200, "TWO"))
    source = ContainerCredentials(transport, "http://127.0.0.1:9001/creds", token="secret", clock=lambda: now[0])

    names = []
    for now[0] in (NOON, NOON + 3299, NOON + 3300, NOON + 3301):
        names.append((await source.current()).access_key)

    assert names == ["ONE", "ONE", "TWO", "TWO"]
    assert transport.requests[0].method == "GET"
    assert transport.requests[0].headers == {"authorization": "secret"}


async def test_a_failed_renewal_is_borne_until_the_old_credentials_expire() -> None:
    now = [NOON]
    down = ProviderConnectionFailed("refused")
    transport = ScriptedTransport(container_answer(NOON + 3600, "ONE"), down, (500, {}))
    source = ContainerCredentials(transport, "http://127.0.0.1:9001/creds", clock=lambda: now[0])
    await source.current()

    now[0] = NOON + 3500
    borne = await source.current()
    now[0] = NOON + 3600
    with pytest.raises(StoreUnavailable):
        await source.current()

    assert borne == Credentials(access_key="ONE", secret_key="s", token="t", expires_at=NOON + 3600)


async def test_refused_credentials_are_fetched_anew() -> None:
    transport = ScriptedTransport(
        container_answer(NOON + 3600, "ONE"), EXPIRED, container_answer(NOON + 3600, "TWO"), DONE
    )
    source = ContainerCredentials(transport, "http://127.0.0.1:9001/creds", clock=lambda: NOON)
    table = make_table("t", transport, Address(region=REGION), source)

    await table.update_item(KEY, UPDATE, attempts=TWICE)

    assert "Credential=TWO/" in transport.requests[3].headers["authorization"]
    assert transport.requests[3].headers["x-amz-security-token"] == "t"
