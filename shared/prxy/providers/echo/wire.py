"""The echo's answer in the words of OpenAI's Chat Completions.

https://platform.openai.com/docs/api-reference/chat (as of 2026-11)
"""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.parts import Json, Wire
from prxy.providers.echo.answer import Answer, Refused

_CREATED = 1_767_225_600
"""The first second of 2026: equal requests have equal answers."""


def completion(answer: Answer, call_id: str, model: str) -> Wire:
    """The whole answer as one object."""
    text = "".join(answer.tokens)
    message: Wire = {"role": "assistant", "content": None if answer.tool else text, "refusal": None}
    if answer.tool:
        message["tool_calls"] = [_call(answer, call_id, text)]
    return {
        **_envelope(call_id, model, "chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}],
        "usage": _usage(answer),
    }


def chunks(answer: Answer, call_id: str, model: str, *, usage: bool) -> Iterator[Wire]:
    """The same answer token by token; `usage` adds the chunk that counts them."""
    for delta in _deltas(answer, call_id):
        yield _chunk(call_id, model, [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    yield _chunk(call_id, model, [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": answer.finish}])
    if usage:
        yield {**_chunk(call_id, model, []), "usage": _usage(answer)}


def _deltas(answer: Answer, call_id: str) -> Iterator[Wire]:
    if not answer.tool:
        yield {"role": "assistant", "content": "", "refusal": None}
        for token in answer.tokens:
            yield {"content": token}
        return
    yield {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **_call(answer, call_id, "")}]}
    for token in answer.tokens:
        piece = {"custom": {"input": token}} if answer.freeform else {"function": {"arguments": token}}
        yield {"tool_calls": [{"index": 0, **piece}]}


def refusal(refused: Refused) -> Wire:
    return {
        "error": {
            "message": str(refused),
            "type": "invalid_request_error",
            "param": refused.param,
            "code": "unsupported_value",
        }
    }


def _call(answer: Answer, call_id: str, arguments: str) -> Wire:
    if answer.freeform:
        return {"id": f"call_{call_id}", "type": "custom", "custom": {"name": answer.tool, "input": arguments}}
    return {"id": f"call_{call_id}", "type": "function", "function": {"name": answer.tool, "arguments": arguments}}


def _chunk(call_id: str, model: str, choices: list[Json]) -> Wire:
    return {**_envelope(call_id, model, "chat.completion.chunk"), "choices": choices}


def _envelope(call_id: str, model: str, kind: str) -> Wire:
    return {"id": f"chatcmpl-{call_id}", "object": kind, "created": _CREATED, "model": model}


def _usage(answer: Answer) -> Wire:
    written = len(answer.tokens)
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": written,
        "total_tokens": answer.input_tokens + written,
    }
