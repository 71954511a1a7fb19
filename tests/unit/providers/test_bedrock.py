"""Bedrock's address, its two ways to prove who calls, and what is never signed with."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from prxy.canonical.errors import InvalidRequest, ProviderUnavailable, StoreUnavailable
from prxy.providers import PROVIDERS
from prxy.providers.aws.credentials import CredentialSource, FixedCredentials
from prxy.providers.aws.signing import RequestSigner
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.base import ConfiguredProvider, build_request, configure, signed
from prxy.providers.bedrock import runtime_url
from prxy.providers.transport import HttpRequest
from prxy.routing import route
from prxy.settings import read_settings
from prxy.wiring import wire

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWNER = Credentials(access_key="AKIDEXAMPLE", secret_key="s3cr/t+k=y", token="session/token==")
STORE = Credentials(access_key="local", secret_key="local")


def bedrock(**configured: object) -> ConfiguredProvider:
    urls = {"bedrock": runtime_url("eu-west-1")}
    return configure([PROVIDERS["bedrock"]], keys={}, urls=urls, **configured)["bedrock"]  # type: ignore[arg-type]


def asked(provider: ConfiguredProvider, *, stream: bool = False, credential: str | None = None) -> HttpRequest:
    speaks = provider.row.speaks[0]
    return build_request(provider, speaks, MODEL, body=b'{"messages":[]}', stream=stream, credential=credential)


def signer(credentials: Credentials = OWNER) -> RequestSigner:
    return RequestSigner("bedrock", "eu-west-1", FixedCredentials(credentials), clock=NOON.timestamp)


@pytest.mark.parametrize(("stream", "method"), [(False, "converse"), (True, "converse-stream")])
def test_the_model_is_one_quoted_segment_of_the_path(stream: bool, method: str) -> None:
    request = asked(bedrock(), stream=stream)

    quoted = MODEL.replace(":", "%3A")
    assert request.url == f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{quoted}/{method}"
    accepted = "application/vnd.amazon.eventstream" if stream else "application/json"
    assert request.headers["accept"] == accepted


@pytest.mark.parametrize("stream", [False, True])
async def test_the_signature_is_the_sdks(stream: bool) -> None:
    provider = bedrock(signers={"bedrock": signer()})

    request = await signed(provider, asked(provider, stream=stream), None)

    headers = {"content-type": "application/json", "host": "bedrock-runtime.eu-west-1.amazonaws.com"}
    theirs = AWSRequest(method="POST", url=request.url, headers=headers, data=request.body)
    owner = BotoCredentials(OWNER.access_key, OWNER.secret_key, OWNER.token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOON.replace(tzinfo=None)):
        SigV4Auth(owner, "bedrock", "eu-west-1").add_auth(theirs)
    assert request.headers["authorization"] == theirs.headers["Authorization"]
    assert request.headers["x-amz-security-token"] == OWNER.token
    assert "host" not in request.headers


async def test_a_key_travels_as_a_bearer_token_and_is_not_signed_over() -> None:
    provider = bedrock(signers={"bedrock": signer()})

    request = await signed(provider, asked(provider, credential="ABSK-key"), "ABSK-key")

    assert request.headers["authorization"] == "Bearer ABSK-key"
    assert "x-amz-date" not in request.headers


class NoCredentials(CredentialSource):
    async def current(self) -> Credentials:
        raise StoreUnavailable

    def forget(self) -> None: ...


async def test_credentials_that_cannot_be_had_are_an_error_of_the_provider() -> None:
    provider = bedrock(signers={"bedrock": RequestSigner("bedrock", "eu-west-1", NoCredentials())})

    with pytest.raises(ProviderUnavailable, match="AWS credentials"):
        await signed(provider, asked(provider), None)


def test_an_arn_is_refused() -> None:
    """No caller points at an account."""
    provider = bedrock()

    with pytest.raises(InvalidRequest):
        build_request(provider, provider.row.speaks[0], "arn:aws:bedrock:us-east-1:111122223333:x/y", body=b"{}")


AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
LOCAL = {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000"}


def configured(environ: dict[str, str]) -> ConfiguredProvider:
    return wire(read_settings({**LOCAL, **environ}, PROVIDERS), STORE).data.providers["bedrock"]


def test_the_variables_of_aws_configure_it() -> None:
    elsewhere = {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9", "AWS_BEARER_TOKEN_BEDROCK": "ABSK-key"}

    assert configured(AWS).base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert (configured(elsewhere).base_url, configured(elsewhere).key) == ("http://127.0.0.1:9", "ABSK-key")


def test_with_credentials_of_aws_it_needs_no_key() -> None:
    provider = configured(AWS)

    assert provider.usable
    assert route(MODEL, {"bedrock": provider}, None, {}).credential is None


def test_without_a_key_and_without_credentials_it_is_not_configured() -> None:
    """The credentials of an embedded store are nobody's at AWS."""
    provider = configured({})

    assert not provider.usable
    with pytest.raises(InvalidRequest) as caught:
        route(MODEL, {"bedrock": provider}, None, {})
    assert caught.value.code == "provider_not_configured"
