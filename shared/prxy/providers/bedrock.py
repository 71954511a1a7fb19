"""Amazon Bedrock by its Converse API.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html (as of 2026-11)

A Bedrock API key travels as a bearer token. Without one, requests are signed with the operator's AWS credentials.
"""

from __future__ import annotations

from prxy.providers.auth import bearer
from prxy.providers.aws.credentials import CredentialSource
from prxy.providers.aws.signing import RequestSigner
from prxy.providers.base import Provider, Speaks


def runtime_url(region: str) -> str:
    """Where the models of a region are served."""
    return f"https://bedrock-runtime.{region}.amazonaws.com"


def signer(region: str, credentials: CredentialSource) -> RequestSigner:
    return RequestSigner("bedrock", region, credentials)


PROVIDER = Provider(
    name="bedrock",
    base_url=runtime_url("us-east-1"),
    auth=bearer,
    speaks=(
        Speaks(
            wire="bedrock_converse",
            path="/model/{model}/converse",
            stream_path="/model/{model}/converse-stream",
            signs=True,
        ),
    ),
)
