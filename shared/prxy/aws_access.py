"""What the operator has at AWS, from the settings: credentials, and provider keys that lie in Secrets Manager."""

from __future__ import annotations

import re

from prxy.providers import PROVIDERS
from prxy.providers.auth import none_needed
from prxy.providers.aws.credentials import ContainerCredentials, CredentialSource, FixedCredentials
from prxy.providers.aws.kms import KmsCipher
from prxy.providers.aws.secrets import SecretKey, vault_of
from prxy.providers.aws.signing import RequestSigner
from prxy.providers.aws.sigv4 import Credentials
from prxy.providers.transport import Transport
from prxy.settings import AwsSettings, ConfigurationError, Settings


def operator_credentials(aws: AwsSettings, transport: Transport) -> CredentialSource | None:
    """The operator's own at AWS, None where the environment has none."""
    if aws.credentials_uri:
        return ContainerCredentials(transport, aws.credentials_uri, token=aws.credentials_token)
    if not (aws.access_key_id and aws.secret_access_key):
        return None
    return FixedCredentials(
        Credentials(access_key=aws.access_key_id, secret_key=aws.secret_access_key, token=aws.session_token)
    )


def required(found: CredentialSource | None) -> CredentialSource:
    if found is None:
        raise ConfigurationError(
            "No AWS credentials for the table: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "(any words will do where AWS_ENDPOINT_URL_DYNAMODB names a local store)."
        )
    return found


def kms_cipher(settings: Settings, credentials: CredentialSource | None, to_aws: Transport) -> KmsCipher | None:
    """What seals the provider keys of tenants, in the region of its key; None where none is named."""
    key, aws = settings.provider_keys_kms_key, settings.aws
    if key is None:
        return None
    if credentials is None:
        raise ConfigurationError("PRXY_PROVIDER_KEYS_KMS_KEY needs AWS credentials: set AWS_ACCESS_KEY_ID.")
    region = key.split(":")[3] if re.match(r"arn:[^:]+:kms:[^:]+:", key) else aws.region
    return KmsCipher(
        key_id=key,
        url=(aws.kms_url or f"https://kms.{region}.amazonaws.com").rstrip("/") + "/",
        transport=to_aws,
        signer=RequestSigner("kms", region, credentials),
    )


def secret_key(name: str, arn: str, credentials: CredentialSource, to_aws: Transport) -> SecretKey:
    try:
        vault = vault_of(arn, to_aws, credentials)
    except ValueError as error:
        raise ConfigurationError(f"{name.upper()}_API_KEY_ARN: {error}.") from error
    return SecretKey(arn, PROVIDERS[name].auth if name in PROVIDERS else none_needed, vault)
