"""What the admin API answers. The types of the routes: the OpenAPI document has its schemas from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from prxy.money.usd import usd_from_nano
from prxy.store import records


def is_absent(value: object) -> bool:
    return value is None


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Listing(Answer):
    object: Literal["list"] = "list"
    next: str | None = Field(default=None, exclude_if=is_absent)
    """Cursor of the next page; only where there is more."""


class Limits(Answer):
    """USD are decimal strings; null: no limit."""

    per_request_usd: str | None
    per_day_usd: str | None
    per_month_usd: str | None
    requests_per_minute: int | None
    concurrency: int
    """Calls at one time."""


class Key(Answer):
    """A key, without its secret."""

    id: str
    object: Literal["key"] = "key"
    name: str
    tenant: str
    project: str | None
    """Of its tenant, whose budget the key shares; null: none."""
    status: Literal["active", "revoked", "frozen"]
    prefix: str
    """How the text of the key begins."""
    pipeline: str | list[Any] | None
    """As in `x-prxy-pipe`."""
    mandatory: list[str]
    """Modules that run whatever the header says."""
    modules: list[str] | None
    """Modules that a header may name; null: all."""
    models: list[str] | None
    """Patterns of models that the key may call; null: all."""
    limits: Limits
    metadata: dict[str, str]
    created_at: int
    """Epoch seconds."""
    expires_at: int | None
    """Epoch seconds; null: never."""


class CreatedKey(Key):
    """A key with its text, which no other answer has."""

    key: str
    """What clients send: `prxy_live_…`."""


class KeyList(Listing):
    data: list[Key]


class Reconciled(Answer):
    """What became of an attempt whose charge nobody had confirmed."""

    object: Literal["reconciled"] = "reconciled"
    key_id: str
    attempt: str
    cost_usd: str
    accounts: list[Literal["key", "project", "tenant"]]
    """Whose charge was replaced by the cost just now; empty where all of them were before."""
    given_back_usd: str
    """To each of these."""


class Tenant(Answer):
    """What all keys of a tenant may spend together."""

    id: str
    object: Literal["tenant"] = "tenant"
    mode: Literal["hard_fail", "warn", "off"]
    """A call that does not fit is refused, or told of by `x-prxy-budget-warning`, or only counted."""
    limits: Limits
    created_at: int
    """Epoch seconds."""


class TenantList(Answer):
    object: Literal["list"] = "list"
    data: list[Tenant]


class Project(Answer):
    """What all keys of a project may spend together."""

    id: str
    """Its name inside the tenant."""
    object: Literal["project"] = "project"
    tenant: str
    mode: Literal["hard_fail", "warn", "off"]
    """As that of a tenant."""
    limits: Limits
    created_at: int
    """Epoch seconds."""


class ProjectList(Answer):
    object: Literal["list"] = "list"
    data: list[Project]


class ProviderKey(Answer):
    """That a tenant's own key for a provider is there."""

    provider: str
    tenant: str
    last4: str
    """The last four characters; empty where the key is too short to show them."""
    updated_at: int
    """Epoch seconds."""


class AuditEntry(Answer):
    """One change by an admin."""

    at: float
    """Epoch seconds."""
    by: str
    """Id of the admin key."""
    action: str
    target: str
    fields: list[str]
    """What the change named."""


class AuditList(Listing):
    data: list[AuditEntry]


_STATUS: dict[records.KeyStatus, Literal["active", "revoked", "frozen"]] = {
    records.KeyStatus.ACTIVE: "active",
    records.KeyStatus.REVOKED: "revoked",
    records.KeyStatus.FROZEN: "frozen",
}


def describe_key(key: records.ApiKey) -> Key:
    """A key as the admin API shows it: never its hash, never its secret."""
    return Key(
        id=key.id,
        name=key.name,
        tenant=key.tenant,
        project=key.project,
        status=_STATUS[key.status],
        prefix=f"prxy_{'admin' if key.admin else 'live'}_{key.id}",
        pipeline=key.pipeline,
        mandatory=list(key.mandatory),
        modules=_listed(key.modules),
        models=_listed(key.models),
        limits=describe_limits(key.limits),
        metadata=dict(key.metadata),
        created_at=key.created_at,
        expires_at=key.expires_at,
    )


def describe_created(key: records.ApiKey, text: str) -> CreatedKey:
    """A key with the text that its owner is given once."""
    return CreatedKey(**dict(describe_key(key)), key=text)


def describe_limits(limits: records.Limits) -> Limits:
    return Limits(
        per_request_usd=_usd(limits.per_request_nano),
        per_day_usd=_usd(limits.per_day_nano),
        per_month_usd=_usd(limits.per_month_nano),
        requests_per_minute=limits.requests_per_minute,
        concurrency=limits.concurrency,
    )


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)


def _usd(nano: int | None) -> str | None:
    return None if nano is None else usd_from_nano(nano)
