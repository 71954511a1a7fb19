"""Configuration: the only reader of the environment. Frozen, checked once at start."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote

from msgspec import Struct

from prxy.providers.transport import Deadlines

VARIABLES: Mapping[str, str] = {
    "PRXY_TABLE": "name of the DynamoDB table (prxy)",
    "PRXY_PIPE": "default pipeline: a comma list, JSON or YAML",
    "PRXY_PIPE_FILE": "file with the default pipeline, read when PRXY_PIPE is not set",
    "PRXY_DEFAULT_PER_DAY_USD": "daily limit of keys that are created without one",
    "PRXY_CONNECT_TIMEOUT_S": "seconds to connect to a provider (5)",
    "PRXY_FIRST_BYTE_TIMEOUT_S": "seconds until a provider's first byte (300)",
    "PRXY_IDLE_TIMEOUT_S": "seconds between two reads of a provider's answer (120)",
    "PRXY_TOTAL_TIMEOUT_S": "seconds for a whole call (840)",
    "PRXY_KEEPALIVE_S": "seconds of silence after which a stream sends a comment (15)",
    "PRXY_STORE_TIMEOUT_S": "seconds that the table may take to answer one attempt (1)",
    "PRXY_PROVIDERS": "more OpenAI-compatible providers: name=https://host/v1, comma-separated; keys in <NAME>_API_KEY",
    "PRXY_EMBEDDING_MODEL": "model that semantic-cache compares by: provider/model or local/name",
    "PRXY_VECTOR_BUCKET": "bucket of Amazon S3 Vectors for semantic-cache, in place of the table",
    "PRXY_PROVIDER_KEYS_KMS_KEY": "KMS key that seals the provider keys of tenants: ARN, id or alias",
    "PRXY_TRANSPORT": "lean (default) or httpx, which honours HTTPS_PROXY",
    "PRXY_METRICS_NAMESPACE": "CloudWatch namespace of the metrics that are written to stdout",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector that gets spans of each call, as OTLP over HTTP in JSON",
    "OTEL_EXPORTER_OTLP_HEADERS": "headers for that collector: name=value, comma-separated, percent-encoded",
    "PRXY_LOCAL_API_KEY": "key that `prxy serve` uses in place of a made one",
    "PRXY_LOCAL_ADMIN_KEY": "admin key that `prxy serve` uses in place of a made one",
    "AWS_REGION": "region of the table and of Bedrock",
    "AWS_DEFAULT_REGION": "read when AWS_REGION is not set",
    "AWS_ENDPOINT_URL_DYNAMODB": "another address for DynamoDB",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "another address for Bedrock",
    "AWS_ENDPOINT_URL_S3VECTORS": "another address for Amazon S3 Vectors",
    "AWS_ENDPOINT_URL_KMS": "another address for KMS",
    "AWS_BEARER_TOKEN_BEDROCK": "Bedrock API key, in place of a signature",
    "AWS_ACCESS_KEY_ID": "credentials for the table and Bedrock",
    "AWS_SECRET_ACCESS_KEY": "credentials for the table and Bedrock",
    "AWS_SESSION_TOKEN": "credentials for the table and Bedrock",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "credentials for the table and Bedrock, from the runtime",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token for the runtime's credentials",
}
"""Every variable that the gateway reads, besides <PROVIDER>_API_KEY, <PROVIDER>_API_KEY_ARN and <PROVIDER>_BASE_URL."""


EMBEDDING_MODEL = "openai/text-embedding-3-small"
_PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NAMESPACE = re.compile(r"[A-Za-z0-9.\-_/#:]{1,255}")
_HTTP_URL = re.compile(r"https?://[!-~]+")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class ConfigurationError(Exception):
    """The environment does not make sense. Names the variable and says how to mend it."""


class AwsSettings(Struct, frozen=True, kw_only=True):
    region: str = "us-east-1"
    dynamodb_url: str | None = None
    bedrock_url: str | None = None
    s3vectors_url: str | None = None
    kms_url: str | None = None
    bedrock_key: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    credentials_uri: str | None = None
    credentials_token: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    table: str = "prxy"
    pipeline: str | None = None
    default_per_day_usd: Decimal | None = None
    deadlines: Deadlines = Deadlines()
    keepalive_s: float = 15.0
    store_timeout_s: float = 1.0
    transport: str = "lean"
    embedding_model: str = EMBEDDING_MODEL
    vector_bucket: str | None = None
    provider_keys_kms_key: str | None = None
    """None: tenants' provider keys are neither stored nor looked for."""
    metrics_namespace: str | None = None
    otlp_endpoint: str | None = None
    otlp_headers: Mapping[str, str] = {}
    local_api_key: str | None = None
    local_admin_key: str | None = None
    aws: AwsSettings = AwsSettings()
    provider_keys: Mapping[str, str] = {}
    """Provider name -> the operator's key."""
    provider_key_arns: Mapping[str, str] = {}
    """Provider name -> ARN of the secret that holds the operator's key."""
    added_providers: Mapping[str, str] = {}
    """Name of an OpenAI-compatible provider of the operator's own -> its base URL."""
    provider_urls: Mapping[str, str] = {}
    """Provider name -> base URL in place of the vendor's."""


def environment() -> Mapping[str, str]:
    """What this process was given, for whoever checks it before it is read."""
    return dict(os.environ)


def wants_plain_text() -> bool:
    """Whether the terminal is to get no colours: https://no-color.org, as of 2026-11-23, and TERM=dumb."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def from_environment(providers: Collection[str]) -> Settings:
    """The settings of this process. Raises ConfigurationError."""
    return read_settings(os.environ, providers)


def read_settings(environ: Mapping[str, str], providers: Collection[str] = ()) -> Settings:
    """Settings from an environment; empty values count as absent. Raises ConfigurationError."""
    env = {name: value for name, value in environ.items() if value.strip()}
    added = _added_providers(env, providers)
    names = (*providers, *added)
    return Settings(
        table=env.get("PRXY_TABLE", "prxy"),
        pipeline=_pipeline(env),
        default_per_day_usd=_money(env, "PRXY_DEFAULT_PER_DAY_USD"),
        deadlines=Deadlines(
            connect_s=_seconds(env, "PRXY_CONNECT_TIMEOUT_S", 5.0),
            first_byte_s=_seconds(env, "PRXY_FIRST_BYTE_TIMEOUT_S", 300.0),
            idle_s=_seconds(env, "PRXY_IDLE_TIMEOUT_S", 120.0),
            total_s=_seconds(env, "PRXY_TOTAL_TIMEOUT_S", 840.0),
        ),
        keepalive_s=_seconds(env, "PRXY_KEEPALIVE_S", 15.0),
        store_timeout_s=_seconds(env, "PRXY_STORE_TIMEOUT_S", 1.0),
        transport=_word(env, "PRXY_TRANSPORT", "lean", "httpx"),
        embedding_model=env.get("PRXY_EMBEDDING_MODEL", EMBEDDING_MODEL),
        vector_bucket=env.get("PRXY_VECTOR_BUCKET"),
        provider_keys_kms_key=env.get("PRXY_PROVIDER_KEYS_KMS_KEY"),
        metrics_namespace=_matching(env, "PRXY_METRICS_NAMESPACE", _NAMESPACE, "1 to 255 of A-Z a-z 0-9 . - _ / # :"),
        otlp_endpoint=_matching(env, "OTEL_EXPORTER_OTLP_ENDPOINT", _HTTP_URL, "an http or https URL"),
        otlp_headers=_otlp_headers(env),
        local_api_key=env.get("PRXY_LOCAL_API_KEY"),
        local_admin_key=env.get("PRXY_LOCAL_ADMIN_KEY"),
        aws=_aws(env),
        provider_keys=_by_provider(env, names, "API_KEY"),
        provider_key_arns=_by_provider(env, names, "API_KEY_ARN"),
        added_providers=added,
        provider_urls=_by_provider(env, names, "BASE_URL"),
    )


def _aws(env: Mapping[str, str]) -> AwsSettings:
    return AwsSettings(
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
        dynamodb_url=env.get("AWS_ENDPOINT_URL_DYNAMODB"),
        bedrock_url=env.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        kms_url=env.get("AWS_ENDPOINT_URL_KMS"),
        s3vectors_url=env.get("AWS_ENDPOINT_URL_S3VECTORS"),
        bedrock_key=(env.get("AWS_BEARER_TOKEN_BEDROCK") or "").strip() or None,
        access_key_id=env.get("AWS_ACCESS_KEY_ID"),
        secret_access_key=env.get("AWS_SECRET_ACCESS_KEY"),
        session_token=env.get("AWS_SESSION_TOKEN"),
        credentials_uri=env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        credentials_token=env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    )


def _by_provider(env: Mapping[str, str], providers: Iterable[str], what: str) -> Mapping[str, str]:
    found = {name: env.get(f"{name.upper()}_{what}") for name in providers}
    return {name: value.strip() for name, value in found.items() if value}


def _added_providers(env: Mapping[str, str], known: Collection[str]) -> Mapping[str, str]:
    added: dict[str, str] = {}
    for entry in filter(None, map(str.strip, env.get("PRXY_PROVIDERS", "").split(","))):
        name, equals, url = (part.strip() for part in entry.partition("="))
        if not equals or not _PROVIDER_NAME.fullmatch(name) or name in known or name in added:
            raise ConfigurationError(
                f"PRXY_PROVIDERS holds '{name[:64]}'; each entry is name=https://host/v1, with a new name of "
                "lower-case letters, digits and underscores."
            )
        added[name] = url
    return added


def _otlp_headers(env: Mapping[str, str]) -> Mapping[str, str]:
    """The error never quotes an entry, which may hold a credential."""
    headers: dict[str, str] = {}
    for entry in filter(None, map(str.strip, env.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","))):
        name, equals, value = (part.strip() for part in entry.partition("="))
        told = unquote(value)
        if not equals or not _HEADER_NAME.fullmatch(name) or not (told.isascii() and told.isprintable()):
            raise ConfigurationError(
                "OTEL_EXPORTER_OTLP_HEADERS holds an entry that is no header; each is name=value, percent-encoded."
            )
        headers[name.lower()] = told
    return headers


def _pipeline(env: Mapping[str, str]) -> str | None:
    if "PRXY_PIPE" in env or "PRXY_PIPE_FILE" not in env:
        return env.get("PRXY_PIPE")
    path = env["PRXY_PIPE_FILE"]
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # pathlib is a hundredth of a cold start
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"PRXY_PIPE_FILE names {path}, which cannot be read: {error}.") from error


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name, default))
    except ValueError as error:
        raise ConfigurationError(f"{name} is '{env[name]}'; it must be a number of seconds.") from error
    if not 0 < value < 86_400:
        raise ConfigurationError(f"{name} is {value:g}; it must be more than 0 and less than a day.")
    return value


def _money(env: Mapping[str, str], name: str) -> Decimal | None:
    if name not in env:
        return None
    try:
        value = Decimal(env[name])
    except InvalidOperation as error:
        raise ConfigurationError(f"{name} is '{env[name]}'; it must be an amount in USD, for instance 5.00.") from error
    if not value.is_finite() or value < 0:
        raise ConfigurationError(f"{name} is {value}; it must be 0 or more.")
    return value


def _matching(env: Mapping[str, str], name: str, pattern: re.Pattern[str], what: str) -> str | None:
    value = env.get(name, "").strip()
    if value and not pattern.fullmatch(value):
        raise ConfigurationError(f"{name} is '{value}'; it must be {what}.")
    return value or None


def _word(env: Mapping[str, str], name: str, *allowed: str) -> str:
    value = env.get(name, allowed[0])
    if value not in allowed:
        raise ConfigurationError(f"{name} is '{value}'; use one of: {', '.join(allowed)}.")
    return value
