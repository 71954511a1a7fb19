"""Our signature is the SDK's, bit for bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.stores import CREDENTIALS

from prxy.providers.aws.sigv4 import Credentials, Scope, Signable, sign, timestamp

TIMES = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1), timezones=st.just(UTC))
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
NAMES = st.from_regex(r"x-[a-z][a-z0-9-]{0,12}[a-z]", fullmatch=True).filter(lambda name: not name.startswith("x-am"))


def sign_as_the_sdk_does(request: Signable, body: bytes, credentials: Credentials, scope: Scope, when: datetime) -> str:
    url = f"https://{dict(request.headers)['host']}{request.path}"
    if request.query:
        url += "?" + "&".join(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in request.query
        )
    sent = AWSRequest(method=request.method, url=url, headers=dict(request.headers), data=body)
    owner = BotoCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=when.replace(tzinfo=None)):
        SigV4Auth(owner, scope.service, scope.region).add_auth(sent)
    return str(sent.headers["Authorization"])


@settings(max_examples=300)
@given(
    when=TIMES,
    body=st.binary(max_size=200),
    segments=st.lists(WORDS.filter(lambda word: word not in ("", ".", "..")), max_size=3),
    query=st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=3, unique_by=lambda pair: pair[0]),
    headers=st.dictionaries(NAMES, PRINTABLE, max_size=3),
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True),
    secret_key=st.sampled_from(["s3cr/t+k=y", "another"]),
    place=st.sampled_from([("eu-west-1", "bedrock"), ("eu-west-1", "dynamodb"), ("us-east-1", "dynamodb")]),
)
def test_every_request_gets_the_signature_of_the_sdk(
    *,
    when: datetime,
    body: bytes,
    segments: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    token: str | None,
    secret_key: str,
    place: tuple[str, str],
) -> None:
    credentials = Credentials(access_key="AKIDEXAMPLE", secret_key=secret_key, token=token)
    scope = Scope(region=place[0], service=place[1], timestamp=timestamp(when.timestamp()))
    own = {"host": "bedrock-runtime.eu-west-1.amazonaws.com", "content-type": "application/json"}
    request = Signable(
        method="POST",
        path="/" + "/".join(quote(segment, safe="") for segment in segments),
        query=tuple(query),
        headers=(*own.items(), *headers.items()),
    )

    signed = sign(request, body, credentials, scope)

    assert signed["authorization"] == sign_as_the_sdk_does(request, body, credentials, scope, when)
    assert signed["x-amz-date"] == when.strftime("%Y%m%dT%H%M%SZ")
    assert signed.get("x-amz-security-token") == token


def test_what_is_kept_from_one_request_does_not_show_in_the_next() -> None:
    """Of the same day, place and headers: only body and time differ, and the token of renewed credentials."""
    host = (("host", "localhost"),)
    request, when = Signable(method="POST", path="/", headers=host), datetime(2026, 11, 22, 12, tzinfo=UTC)
    renewed = structs.replace(CREDENTIALS, token="t")

    for credentials, body, seconds in ((CREDENTIALS, b"{}", 0), (CREDENTIALS, b"[]", 61), (renewed, b"[]", 86_400)):
        now = when + timedelta(seconds=seconds)
        scope = Scope(region="us-east-1", service="dynamodb", timestamp=timestamp(now.timestamp()))
        authorization = sign(request, body, credentials, scope)["authorization"]
        assert authorization == sign_as_the_sdk_does(request, body, credentials, scope, now)


@pytest.mark.parametrize("shown", [repr(CREDENTIALS), str(CREDENTIALS)])
def test_credentials_do_not_show_their_secret(shown: str) -> None:
    assert CREDENTIALS.secret_key not in shown
