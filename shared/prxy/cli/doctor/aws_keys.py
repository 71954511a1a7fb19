"""Credentials for Bedrock, as the gateway finds them: in the environment alone, never in profiles."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.cli.doctor.findings import Finding, fail, last_four, ok, warn
from prxy.providers.bedrock import PROVIDER
from prxy.settings import Settings

CHECK = "provider bedrock"
_EXPORT = 'Run `eval "$(aws configure export-credentials --format env)"` first: the gateway reads no profile.'


def examined(settings: Settings, env: Mapping[str, str]) -> list[Finding]:
    """Nothing where nobody meant to use Bedrock."""
    aws, own = settings.aws, settings.provider_keys.get(PROVIDER.name)
    if bearer := own or aws.bedrock_key:
        return [ok(CHECK, f"a Bedrock API key is set ({last_four(bearer)}), for {aws.region}.")]
    if aws.credentials_uri:
        return [ok(CHECK, f"credentials come from the container's endpoint, for {aws.region}.")]
    if bool(aws.access_key_id) != bool(aws.secret_access_key):
        return [fail(CHECK, "one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set.", "Set both, or neither.")]
    if aws.access_key_id:
        return [_of_pair(aws.access_key_id, aws.session_token, aws.region)]
    if env.get("AWS_PROFILE") or env.get("AWS_DEFAULT_PROFILE"):
        return [warn(CHECK, "AWS_PROFILE names credentials that the gateway does not read.", _EXPORT)]
    return []


def _of_pair(key_id: str, token: str | None, region: str) -> Finding:
    """Ids that begin with ASIA are temporary, those with AKIA are not:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, as of 2026-11-23.
    """
    if key_id.startswith("ASIA") and not token:
        return fail(CHECK, "the credentials are temporary and AWS_SESSION_TOKEN is missing.", _EXPORT)
    return ok(CHECK, f"AWS credentials are set ({last_four(key_id)}), for {region}.")
