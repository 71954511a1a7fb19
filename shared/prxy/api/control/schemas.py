"""Bodies of the admin API. Unknown fields are refused: nothing about authority is taken from a body by accident."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from prxy.money.usd import nano_from_usd
from prxy.store.records import Limits

Usd = Annotated[Decimal, Field(ge=0, max_digits=21, decimal_places=9), AfterValidator(abs)]
"""Of a zero, no sign is left."""
Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .@:/+-]{0,127}$", strict=True)]


def _addressable(name: str) -> str:
    if "projects" in name.split("/")[1:]:
        raise PydanticCustomError(
            "tenant", "It must not have a part 'projects' behind a slash: paths of projects have one"
        )
    return name


TenantName = Annotated[Name, AfterValidator(_addressable)]
ProjectName = Annotated[str, StringConstraints(pattern=r"^[\w][\w .@:+-]{0,63}$", strict=True)]
"""Without a slash, so that the last one of tenant/project parts the two; as short as an index of the table needs it."""
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$", strict=True)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=256, strict=True)]
Label = Annotated[str, StringConstraints(pattern=r"^[\w.:/-]{1,64}$", strict=True)]
Note = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=512, strict=True)]
Names = Annotated[list[Word], Field(max_length=64)]
MOST_METADATA = 16
MOST_PATTERNS = 256
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class LimitsBody(Strict):
    """USD as a decimal string or a number; absent or null: no limit."""

    per_request_usd: Usd | None = None
    per_day_usd: Usd | None = None
    per_month_usd: Usd | None = None
    requests_per_minute: Count | None = None
    concurrency: Annotated[int, Field(strict=True, ge=1, le=256)] | None = None


def _example(**body: Any) -> ConfigDict:
    """A body for the OpenAPI document, which a test sends."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class CreateKey(Strict):
    model_config = _example(name="night-batch", limits={"per_day_usd": "5.00", "concurrency": 8})

    name: Name
    tenant: TenantName = "default"
    project: ProjectName | None = None
    """A name inside the tenant: the key shares that project's budget, wherever there is one."""
    pipeline: str | list[Any] | None = None
    """As in `x-prxy-pipe`."""
    mandatory: Names = []
    """Modules that run whatever the header says."""
    modules: Names | None = None
    """Modules that a header may name; null allows all."""
    models: Annotated[list[Pattern], Field(max_length=MOST_PATTERNS)] | None = None
    """Model patterns that the key may call; null allows all."""
    limits: LimitsBody = LimitsBody()
    expires_at: Annotated[int, Field(strict=True, ge=0, le=2**40)] | None = None
    """Epoch seconds."""
    metadata: Annotated[dict[Label, Note], Field(max_length=MOST_METADATA)] = {}
    """The admin's own words about the key; the gateway makes nothing of them."""


class PatchKey(Strict):
    """Fields that are absent stay as they are; null clears. `limits` and `metadata` are merged entry by entry."""

    model_config = _example(limits={"per_day_usd": "10.00"}, metadata={"team": "search"})

    name: Name = Field(default_factory=str)
    project: ProjectName | None = None
    """Calls that run are charged where they were admitted."""
    status: Literal["active", "frozen"] = Field(default_factory=lambda: "active")
    pipeline: str | list[Any] | None = None
    mandatory: Names | None = None
    modules: Names | None = None
    models: Annotated[list[Pattern], Field(max_length=MOST_PATTERNS)] | None = None
    limits: LimitsBody | None = None
    expires_at: Annotated[int, Field(strict=True, ge=0, le=2**40)] | None = None
    metadata: Annotated[dict[Label, Note | None], Field(max_length=MOST_METADATA)] | None = None


class RotateKey(Strict):
    model_config = _example(overlap_s=3600)

    overlap_s: Annotated[int, Field(strict=True, ge=0, le=7 * 86_400)] = 0
    """Seconds for which the old secret is accepted beside the new one."""


class ReconcileAttempt(Strict):
    model_config = _example(attempt="1795348800#0123456789abcdef", cost_usd="0.00042")

    attempt: Annotated[str, StringConstraints(pattern=r"^[0-9]{10}#[0-9A-Za-z]{1,64}$", strict=True)]
    """Which one, as `GET /v1/usage/calls` names it."""
    cost_usd: Usd
    """What the provider billed for it: 0 where nothing, at the most what was held."""


class PutProviderKey(Strict):
    model_config = _example(key="sk-0123456789abcdef")

    key: Annotated[SecretStr, Field(strict=True, min_length=1, max_length=512)]
    """1 to 512 printable ASCII characters without spaces; for Bedrock a Bedrock API key."""
    tenant: Name = "default"

    @field_validator("key")
    @classmethod
    def _is_printable(cls, key: SecretStr) -> SecretStr:
        if not all("!" <= char <= "~" for char in key.get_secret_value()):
            raise PydanticCustomError("key", "It must be printable ASCII characters without spaces")
        return key


class PutBudget(Strict):
    model_config = _example(limits={"per_month_usd": "200"})

    mode: Literal["hard_fail", "warn", "off"] = "hard_fail"
    """What happens to a call that does not fit: it is refused, told by `x-prxy-budget-warning`, or only counted."""
    limits: LimitsBody = LimitsBody()
    """Of all its keys together."""


def parse_limits(body: LimitsBody, default_per_day: Decimal | None) -> Limits:
    per_day = body.per_day_usd if "per_day_usd" in body.model_fields_set else default_per_day
    return Limits(
        per_request_nano=nano(body.per_request_usd),
        per_day_nano=nano(per_day),
        per_month_nano=nano(body.per_month_usd),
        requests_per_minute=body.requests_per_minute,
        concurrency=body.concurrency or Limits().concurrency,
    )


def nano(usd: Decimal | None) -> int | None:
    """Nano-USD of an amount; None: no limit."""
    return None if usd is None else nano_from_usd(usd)
