"""What a PATCH makes of a key: fields that are not named stay, null clears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from prxy.api.control.schemas import MOST_METADATA, LimitsBody, PatchKey, nano
from prxy.canonical.errors import InvalidRequest
from prxy.store.records import ApiKey, KeyStatus, Limits

_STATUS = {"active": KeyStatus.ACTIVE, "frozen": KeyStatus.FROZEN}


def patched(key: ApiKey, body: PatchKey) -> ApiKey:
    """The key with the changes. Raises InvalidRequest where a revoked key is to live again."""
    return structs.replace(key, **{name: _changed(key, body, name) for name in body.model_fields_set})


def named_fields(body: PatchKey) -> Iterator[str]:
    """What a change names, entry by entry where it is merged so."""
    for name in body.model_fields_set:
        match name:
            case "limits" if body.limits is not None:
                yield from (f"limits.{each}" for each in body.limits.model_fields_set)
            case "metadata" if body.metadata is not None:
                yield from (f"metadata.{each}" for each in body.metadata)
            case _:
                yield name


def _changed(key: ApiKey, body: PatchKey, name: str) -> object:
    value: object = getattr(body, name)
    match name:
        case "limits":
            return _limits(key.limits, body.limits)
        case "metadata":
            return _metadata(key.metadata, body.metadata)
        case "status":
            refuse_revoked(key, "status")
            return _STATUS[body.status]
        case "mandatory":
            return tuple(body.mandatory or ())
        case "models" | "modules":
            return tuple(value) if isinstance(value, list) else None
        case _:
            return value


def _limits(limits: Limits, body: LimitsBody | None) -> Limits:
    if body is None:
        return Limits()
    new: dict[str, int | None] = {}
    for name in body.model_fields_set:
        match name:
            case "requests_per_minute":
                new[name] = body.requests_per_minute
            case "concurrency":
                new[name] = body.concurrency or Limits().concurrency
            case _:
                new[f"{name.removesuffix('_usd')}_nano"] = nano(getattr(body, name))
    return structs.replace(limits, **new)


def _metadata(metadata: Mapping[str, str], body: Mapping[str, str | None] | None) -> Mapping[str, str]:
    if body is None:
        return {}
    merged = {name: value for name, value in {**metadata, **body}.items() if value is not None}
    if len(merged) > MOST_METADATA:
        raise InvalidRequest(f"'metadata' may have {MOST_METADATA} entries; clear some with null.", param="metadata")
    return merged


def refuse_revoked(key: ApiKey, param: str) -> None:
    """Raises InvalidRequest."""
    if key.status is KeyStatus.REVOKED:
        raise InvalidRequest("A revoked key stays revoked. Create another one.", param=param)
