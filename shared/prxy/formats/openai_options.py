"""The form of an answer and the knobs of OpenAI that mean something to OpenAI alone. Both of its APIs share them.

https://platform.openai.com/docs/guides/structured-outputs (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.loss import Loss
from prxy.canonical.parts import Wire
from prxy.canonical.request import ChatRequest, OutputFormat, OutputKind
from prxy.formats.base import foreign_losses
from prxy.formats.reading import Fields

SHARED_TIERS = ("auto", "default")
"""Service tiers that mean the same to every vendor: nothing in particular."""


def read_schema(fields: Fields) -> OutputFormat:
    """Takes a JSON Schema with its name. What else is there is left to the caller."""
    name, description = fields.required_string("name"), fields.string("description")
    schema, strict = fields.object("schema"), fields.boolean("strict")
    return OutputFormat(kind=OutputKind.SCHEMA, name=name, description=description, schema=schema, strict=strict)


def schema_fields(output: OutputFormat) -> Wire:
    """A JSON Schema with a name, which OpenAI requires."""
    fields = {
        "name": output.name or "answer",
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    return {name: value for name, value in fields.items() if value is not None}


def option_losses(request: ChatRequest, api: str) -> Iterator[Loss]:
    """`api` is the name by which readers know the API."""
    reasoning = request.reasoning
    if reasoning is not None and reasoning.budget_tokens is not None and reasoning.effort is None:
        yield Loss(field="reasoning.budget_tokens", reason=f"{api} has levels of effort and no budget")
    if request.metadata is not None:
        yield Loss(field="metadata", reason="it means something else to OpenAI, which stores it")
    if request.service_tier is not None and request.service_tier not in SHARED_TIERS:
        yield Loss(field="service_tier", reason="the tiers of two vendors differ; the default applies")


def detail_losses(request: ChatRequest, format_: str, api: str) -> Iterator[Loss]:
    """Details of a knob that is itself said. A format may keep its spelling of a schema there: that is no loss."""
    details = {
        "output": request.output if request.output and request.output.schema is None else None,
        "tool_choice": request.tool_choice,
        "reasoning": request.reasoning,
    }
    for field, knob in details.items():
        for loss in foreign_losses(knob.extras if knob else None, format_):
            yield Loss(field=field, reason=f"of its details, {loss.field} has no place in {api}")
