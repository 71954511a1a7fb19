"""Whatever arrives, nothing is raised but the errors of our own tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import OK, each_format, for_client
from tests.exchanges import Exchange
from tests.laws import (
    client_request,
    decoded,
    frames_of,
    supplied,
)
from tests.strategies import JUNK, tampered

from prxy.canonical.errors import (
    GatewayError,
    InvalidRequest,
)
from prxy.canonical.stream import fold
from prxy.formats import FORMATS
from prxy.formats.base import decode_json, encode_json
from prxy.framing.frame import Frame


@each_format
@given(data=st.data())
def test_a_tampered_request_is_understood_or_refused(name: str, data: st.DataObject) -> None:
    format_ = FORMATS[name]
    exchange = _drawn(data, [one for one in OK if one.format == name])
    body = data.draw(tampered(exchange.request))

    try:
        request = supplied(format_.parse_request(body, exchange.route))
    except GatewayError:
        return
    for target in FORMATS.values():
        try:
            encode_json(target.render_request(request).body)
        except GatewayError:
            continue


@each_format
@given(body=st.sampled_from(JUNK))
def test_a_body_that_is_no_request_is_refused(name: str, body: Any) -> None:
    format_ = FORMATS[name]
    with pytest.raises(InvalidRequest):
        format_.parse_request(body, {"model": "model-1", "method": "generateContent"})


@each_format
@given(data=st.data())
def test_a_tampered_answer_is_understood_or_called_bad(name: str, data: st.DataObject) -> None:
    format_ = FORMATS[name]
    own = [one for one in OK if one.format == name and one.response is not None]
    exchange = _drawn(data, own)
    body = data.draw(tampered(exchange.response))

    try:
        answer = format_.parse_response(body)
    except GatewayError:
        return
    for client in FORMATS:
        encode_json(FORMATS[client].render_response(for_client(client, answer), client_request(FORMATS[client])))


@each_format
@given(data=st.data())
def test_tampered_frames_are_understood_or_called_bad(name: str, data: st.DataObject) -> None:
    format_ = FORMATS[name]
    own = [one for one in OK if one.format == name and one.is_whole_stream]
    exchange = _drawn(data, own)
    assert exchange.stream_bytes is not None
    frames = frames_of(format_, [exchange.stream_bytes])
    place = data.draw(st.integers(0, len(frames) - 1))
    frames[place] = data.draw(_tampered_frames(frames[place]))

    try:
        fold(decoded(format_, frames))
    except GatewayError:
        return


def _drawn(data: st.DataObject, group: Sequence[Exchange]) -> Exchange:
    """One of them, drawn by its id so that a failure names it."""
    by_id = {one.id: one for one in group}
    return by_id[data.draw(st.sampled_from(sorted(by_id)))]


@st.composite
def _tampered_frames(draw: st.DrawFn, frame: Frame) -> Frame:
    try:
        value = decode_json(frame)
    except GatewayError:
        return Frame(draw(st.binary(max_size=20)), frame.event)
    garbage = draw(st.binary(max_size=20))
    return Frame(draw(st.sampled_from([encode_json(draw(tampered(value))), garbage])), frame.event)
