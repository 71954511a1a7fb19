"""What the small routes of the data plane answer, as schemas. A test holds their answers against these."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_MAYBE_COUNT: Schema = {"type": ["integer", "null"]}


def _object(description: str, **members: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": members,
        "required": [*members],
        "additionalProperties": False,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


_PRICES = _object(
    "USD as decimal strings.",
    input=_TEXT,
    output=_TEXT,
    cached_input=_TEXT,
    cache_write=_TEXT,
    cache_write_1h=_TEXT,
)
_MODEL = _object(
    "In OpenAI's shape. With `anthropic-version` in the request it is in Anthropic's.",
    id={"type": "string", "description": "As `provider/model`."},
    object={"const": "model"},
    created=_COUNT,
    owned_by=_TEXT,
    context_window=_MAYBE_COUNT,
    max_output_tokens=_MAYBE_COUNT,
    abilities=_object(
        "What it can do.",
        output_schema={"type": "boolean"},
        json_mode={"type": "boolean"},
        reasoning={"type": ["string", "null"]},
    ),
    usd_per_million_tokens={"anyOf": [_PRICES, {"type": "null"}]},
)

SCHEMAS: dict[str, Schema] = {
    "MessagesCountAnswer": _object("", input_tokens=_COUNT),
    "CountTokensAnswer": {
        "type": "object",
        "properties": {"totalTokens": _COUNT},
        "required": ["totalTokens"],
        "additionalProperties": True,
    },
    "Model": _MODEL,
    "ModelList": _object(
        "Every model that the key may call.",
        object={"const": "list"},
        data=_list({"$ref": "#/components/schemas/Model"}),
    ),
    "Pipeline": _object(
        "",
        configured={**_list(_TEXT), "description": "Modules of a call without `x-prxy-pipe`."},
        active={**_list(_object("", name=_TEXT, version=_TEXT)), "description": "Modules of this call."},
        override={"type": ["string", "null"], "description": "`x-prxy-pipe` of this call."},
        note=_TEXT,
    ),
    "Health": _object(
        "",
        status={"const": "ok"},
        version=_TEXT,
        uptime={"type": "number", "description": "Seconds."},
        startedAt={"type": "string", "format": "date-time"},
        providers={**_list(_TEXT), "description": "Those that can be called."},
    ),
}
