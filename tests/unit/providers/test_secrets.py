"""Operator keys out of Secrets Manager, against moto's server over loopback."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator

import boto3
import pytest
from moto.moto_server.werkzeug_app import create_backend_app
from msgspec.structs import replace
from werkzeug.serving import make_server

from prxy.canonical.errors import ProviderKeyUnavailable
from prxy.providers.auth import in_header
from prxy.providers.aws.credentials import FixedCredentials
from prxy.providers.aws.secrets import KEPT_S, SecretKey, region_of, vault_of
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.lean import LeanTransport
from prxy.providers.transport import HttpRequest

ASK = HttpRequest(url="http://127.0.0.1:9/v1", headers={"content-type": "application/json"}, body=b"{}")


@pytest.fixture(scope="module")
def manager() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_backend_app("secretsmanager"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
async def transport() -> AsyncIterator[LeanTransport]:
    made = LeanTransport()
    yield made
    await made.aclose()


def put_secret(manager: str, name: str, value: str) -> str:
    client = boto3.client(
        "secretsmanager",
        endpoint_url=manager,
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    try:
        return str(client.create_secret(Name=name, SecretString=value)["ARN"])
    except client.exceptions.ResourceExistsException:
        return str(client.update_secret(SecretId=name, SecretString=value)["ARN"])
    finally:
        client.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def secret_key(arn: str, manager: str, transport: LeanTransport, clock: Clock) -> SecretKey:
    credentials = FixedCredentials(Credentials(access_key="a", secret_key="b"))
    vault = replace(vault_of(arn, transport, credentials), url=manager + "/")
    return SecretKey(arn, in_header("x-api-key"), vault, clock=clock)


async def test_the_secret_travels_as_the_providers_key(manager: str, transport: LeanTransport) -> None:
    key = secret_key(put_secret(manager, "plain", "sk-from-the-vault\n"), manager, transport, Clock())

    signed = await key(ASK)

    assert signed.headers["x-api-key"] == "sk-from-the-vault"
    assert signed.body == ASK.body


async def test_a_rotated_secret_is_used_after_its_time(manager: str, transport: LeanTransport) -> None:
    clock = Clock()
    key = secret_key(put_secret(manager, "rotated", "old"), manager, transport, clock)
    await key(ASK)
    put_secret(manager, "rotated", "new")

    soon = await key(ASK)
    clock.now = KEPT_S + 1
    later = await key(ASK)

    assert (soon.headers["x-api-key"], later.headers["x-api-key"]) == ("old", "new")


async def test_a_missing_secret_refuses_the_call(manager: str, transport: LeanTransport) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nothing-AbCdEf"

    with pytest.raises(ProviderKeyUnavailable):
        await secret_key(arn, manager, transport, Clock())(ASK)


async def test_an_outage_is_borne_while_a_key_is_there(manager: str, transport: LeanTransport) -> None:
    clock = Clock()
    key = secret_key(put_secret(manager, "borne", "kept"), manager, transport, clock)
    await key(ASK)
    key._vault = replace(key._vault, url="http://127.0.0.1:9/")
    clock.now = KEPT_S + 1

    assert (await key(ASK)).headers["x-api-key"] == "kept"


@pytest.mark.parametrize("arn", ["", "sk-live-key", "arn:aws:s3:::bucket", "arn:aws:secretsmanager::1:secret:x"])
def test_what_is_no_arn_of_a_secret_is_refused_at_start(arn: str) -> None:
    with pytest.raises(ValueError, match="Secrets Manager"):
        region_of(arn)
