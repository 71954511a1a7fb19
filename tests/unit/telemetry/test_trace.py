"""The caller's trace is joined where its header is what the W3C says, and left alone where it is not."""

from __future__ import annotations

import pytest

from prxy.call_record import Trace, parse_traceparent

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-03", True),
        (f"01-{TRACE}-{PARENT}-01-what-comes-later", True),
    ],
)
def test_a_trace_is_read_with_whether_its_caller_keeps_it(text: str, sampled: bool) -> None:
    assert parse_traceparent(text) == Trace(trace_id=TRACE, parent_id=PARENT, sampled=sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_a_malformed_header_joins_no_trace(text: str) -> None:
    assert parse_traceparent(text) is None
