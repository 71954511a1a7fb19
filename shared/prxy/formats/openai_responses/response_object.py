"""The response object around the items of an answer, for a client.

https://platform.openai.com/docs/api-reference/responses/object (as of 2026-11)
"""

from __future__ import annotations

from prxy.canonical.events import StreamStart
from prxy.canonical.parts import Text, Wire
from prxy.canonical.request import ChatRequest, HostedTool
from prxy.canonical.response import Finish
from prxy.formats.base import own_fields
from prxy.formats.openai_responses.output import render_output, render_reasoning_options
from prxy.formats.openai_responses.tools import render_tool, render_tool_choice
from prxy.formats.openai_responses.words import INCOMPLETE_WORDS, NAME

ID_PREFIX = "resp_"


def envelope(start: StreamStart, request: ChatRequest) -> Wire:
    """Everything but status, output and usage: as it came from this wire, else completed from the request."""
    if start.format == NAME:
        created = {} if start.created_at is None else {"created_at": start.created_at}
        own = own_fields(start.extras, NAME)
        return {"id": start.id, "object": "response", **created, "model": start.model, **own}
    id_ = start.id if start.id.startswith(ID_PREFIX) else ID_PREFIX + start.id
    return {
        "id": id_,
        "object": "response",
        "created_at": start.created_at or 0,
        "error": None,
        "incomplete_details": None,
        "model": start.model,
        **_asked(request),
        **_said_of_tools(request),
        "background": False,
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
    }


def _asked(request: ChatRequest) -> Wire:
    """Fields of the request that the answer repeats, with the wire's own defaults."""
    sampling = request.sampling
    form = {"type": "text"} if request.output is None else render_output(request.output)
    reasoning = {} if request.reasoning is None else render_reasoning_options(request.reasoning)
    said = own_fields(request.extras, NAME)
    return {
        "instructions": _instructions(request),
        "max_output_tokens": sampling.max_output_tokens,
        "metadata": request.metadata or {},
        "reasoning": {"effort": None, "summary": None, **reasoning},
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "text": {**said.get("text", {}), "format": form},
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "user": request.user,
    }


def _instructions(request: ChatRequest) -> str | None:
    """Those that stood apart; what stood in the input is not repeated."""
    instructions = request.instructions
    if instructions is None or instructions.at != "instructions":
        return None
    return "".join(part.text for part in instructions.parts if isinstance(part, Text))


def _said_of_tools(request: ChatRequest) -> Wire:
    own = request.format == NAME
    tools = [tool for tool in request.tools if not isinstance(tool, HostedTool) or tool.format == NAME]
    choice = request.tool_choice
    return {
        "tools": [render_tool(tool, own=own) for tool in tools],
        "tool_choice": "auto" if choice is None else render_tool_choice(choice, tools),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
    }


def status_fields(finish: Finish) -> Wire:
    """`status`, and beside it why an answer of another wire is incomplete."""
    if finish.format == NAME and finish.wire_word:
        return {"status": finish.wire_word}
    word = INCOMPLETE_WORDS.get(finish.reason)
    if word is None:
        return {"status": "completed"}
    return {"status": "incomplete", "incomplete_details": {"reason": word}}
