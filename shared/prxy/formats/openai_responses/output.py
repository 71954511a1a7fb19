"""Form of the answer and how much to think: wire <-> canonical. Both keep what they do not know in their extras.

https://platform.openai.com/docs/guides/structured-outputs, https://platform.openai.com/docs/guides/reasoning
(as of 2026-11)
"""

from __future__ import annotations

from typing import assert_never

from msgspec import structs

from prxy.canonical.parts import Wire
from prxy.canonical.request import OutputFormat, OutputKind, ReasoningOptions
from prxy.formats.base import make_extras, own_fields
from prxy.formats.openai_options import read_schema, schema_fields
from prxy.formats.openai_responses.words import NAME
from prxy.formats.reading import Fields


def parse_text(fields: Fields) -> tuple[OutputFormat | None, Wire | None]:
    """`text`: the form of the answer, and what else it says. None where there is no `text`."""
    text = fields.inner("text")
    if text is None:
        return None, None
    form = text.inner("format")
    output = None if form is None else _output(form)
    return output, text.rest()


def _output(form: Fields) -> OutputFormat:
    word = form.word("type", "text", "json_object", "json_schema")
    if word is None:
        form.fail("type", "is missing; use text, json_object or json_schema.", "missing_field")
    if word != "json_schema":
        kind = OutputKind.TEXT if word == "text" else OutputKind.JSON
        return OutputFormat(kind=kind, extras=make_extras(NAME, form.rest()))
    output = read_schema(form)
    return structs.replace(output, extras=make_extras(NAME, form.rest()))


def render_output(output: OutputFormat) -> Wire:
    """`text.format`."""
    own = own_fields(output.extras, NAME)
    match output.kind:
        case OutputKind.TEXT:
            return {**own, "type": "text"}
        case OutputKind.JSON:
            return {**own, "type": "json_object"}
        case OutputKind.SCHEMA:
            return {**own, "type": "json_schema", **schema_fields(output)}
        case _:
            assert_never(output.kind)


def parse_reasoning_options(fields: Fields) -> ReasoningOptions | None:
    """A summary, of whatever kind, is the wish to see the thoughts."""
    inner = fields.inner("reasoning")
    if inner is None:
        return None
    effort, summary = inner.string("effort"), inner.string("summary")
    rest = inner.rest()
    if summary not in (None, "auto"):
        rest["summary"] = summary
    return ReasoningOptions(
        effort=effort,
        include=None if summary is None else True,
        extras=make_extras(NAME, rest),
    )


def render_reasoning_options(options: ReasoningOptions) -> Wire:
    """`reasoning`. A wish to see the thoughts asks for the best summary that the model gives."""
    summary = {"summary": "auto"} if options.include else {}
    effort = {} if options.effort is None else {"effort": options.effort}
    return {**summary, **own_fields(options.extras, NAME), **effort}
