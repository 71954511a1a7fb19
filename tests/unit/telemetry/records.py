"""Calls to be told of."""

from __future__ import annotations

from prxy.call_record import CallRecord, Operation, Refusal, Trace
from prxy.canonical.response import Usage

BEGAN_AT = 1_790_000_000.25
PLAIN = CallRecord(
    request_id="req_1",
    key_id="k1",
    tenant="acme",
    operation=Operation.CHAT,
    format="openai_chat",
    stream=True,
    requested_model="google/gemini-2.5-flash",
    began_at=BEGAN_AT,
    total_s=1.5,
)
ANSWERED = CallRecord(
    request_id="req_1",
    key_id="k1",
    tenant="acme",
    project="web",
    operation=Operation.CHAT,
    format="openai_chat",
    stream=True,
    requested_model="google/gemini-2.5-flash",
    began_at=BEGAN_AT,
    total_s=1.5,
    trace=Trace(trace_id="0af7651916cd43dd8448eb211c80319c", parent_id="b7ad6b7169203331", sampled=True),
    provider="google",
    model="gemini-2.5-flash",
    listed_model="gemini-2.5-flash",
    finish=("stop",),
    usage=Usage(input_tokens=1000, output_tokens=500, cached_input_tokens=300, reasoning_tokens=40),
    cost_nano=1_550_000,
    tried=("openai/gpt-4o-mini",),
    admitted_s=0.25,
    first_byte_s=0.5,
    modules={"router": 0.001},
)
REFUSAL = Refusal(
    request_id="req_2",
    path="/v1/messages",
    status=401,
    error="invalid_api_key",
    error_family="authentication_error",
)
