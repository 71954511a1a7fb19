"""What one wire format said, said in another."""

from __future__ import annotations

from tests.cases import (
    BUFFERED,
    OK,
    WHOLE_STREAMS,
    across,
    answer_of,
    each,
    events_of,
    for_client,
    format_of,
    told_to_client,
)
from tests.event_rules import stream_faults
from tests.exchanges import Exchange
from tests.laws import (
    client_request,
    common,
    common_request,
    decoded,
    encoded,
    is_clients_field,
    names_clients_field,
    supplied,
)

from prxy.canonical.errors import (
    InvalidRequest,
)
from prxy.canonical.parts import ToolCall
from prxy.canonical.response import FinishReason
from prxy.canonical.stream import fold, unfold
from prxy.formats import FORMATS


@across(OK)
def test_a_request_is_rendered_in_another_format_or_refused_by_the_name_of_a_field(
    exchange: Exchange, client: str
) -> None:
    other = FORMATS[client]
    own = format_of(exchange)
    request = supplied(own.parse_request(exchange.request, exchange.route))

    try:
        rendered = other.render_request(request)
    except InvalidRequest as refusal:
        named = is_clients_field(refusal.param or "", own, exchange.request)
        assert named or names_clients_field(refusal.message, own, exchange.request), refusal.message
    else:
        for loss in rendered.losses:
            assert loss.field in own.fields or is_clients_field(loss.field, own, exchange.request), loss


@across(OK)
def test_a_request_rendered_in_another_format_says_the_same_there(exchange: Exchange, client: str) -> None:
    other = FORMATS[client]
    own = format_of(exchange)
    request = supplied(own.parse_request(exchange.request, exchange.route))
    try:
        rendered = other.render_request(request)
    except InvalidRequest:
        return

    again = other.parse_request(rendered.body, {"model": request.model, "method": "generateContent"})

    assert common_request(again) == common_request(request)


@across(BUFFERED)
def test_a_buffered_answer_means_the_same_to_a_client_of_another_format(exchange: Exchange, client: str) -> None:
    other = FORMATS[client]
    answer = for_client(client, answer_of(exchange))

    rendered = other.render_response(answer, client_request(other))

    assert common(other.parse_response(rendered)) == common(answer)


@across(BUFFERED)
def test_a_buffered_answer_told_as_a_stream_means_the_same_to_a_client_of_another_format(
    exchange: Exchange, client: str
) -> None:
    other = FORMATS[client]
    answer = for_client(client, answer_of(exchange))

    frames = encoded(other, unfold(answer))

    assert stream_faults(client, frames) == []
    assert common(fold(decoded(other, frames))) == common(answer)


@across(WHOLE_STREAMS)
def test_a_stream_means_the_same_to_a_client_of_another_format(exchange: Exchange, client: str) -> None:
    other = FORMATS[client]
    events = told_to_client(client, events_of(exchange))
    answer = fold(events)

    frames = encoded(other, events)

    assert stream_faults(client, frames) == []
    assert common(fold(decoded(other, frames))) == common(answer)


@each(BUFFERED)
def test_an_answer_that_calls_tools_says_so_in_its_finish(exchange: Exchange) -> None:
    for choice in answer_of(exchange).choices:
        if any(isinstance(part, ToolCall) for part in choice.parts):
            assert choice.finish.reason is not FinishReason.STOP
