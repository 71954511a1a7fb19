"""The laws of wire formats, for every registered format, on the goldens and on recorded traffic where it is at hand."""

from __future__ import annotations

import copy
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.cases import (
    BROKEN_STREAMS,
    BUFFERED,
    MINE,
    OK,
    STREAMED,
    WHOLE_STREAMS,
    answer_of,
    each,
    each_format,
    events_of,
    format_of,
)
from tests.cuts import every_cut, line_endings, random_cuts
from tests.event_rules import stream_faults
from tests.exchanges import Exchange, goldens, recorded
from tests.grammar import grammar_faults
from tests.laws import (
    ONE_CHOICE,
    common,
    decoded,
    encoded,
    frames_of,
    is_clients_field,
    plain_request,
    prefix_faults,
    supplied,
    told,
    with_question,
    without_nulls,
)
from tests.strategies import event_streams

from prxy.canonical.errors import (
    PROVIDER_ERRORS,
    InvalidRequest,
    ProviderError,
)
from prxy.canonical.events import StreamEnd, StreamError
from prxy.canonical.response import FinishReason
from prxy.canonical.stream import Fold, fold, unfold
from prxy.formats import FORMATS


def test_recorded_traffic_is_at_hand(traffic: Path) -> None:
    assert recorded(), f"No recording of a format of ours in {traffic}."


@each_format
def test_every_format_has_goldens_of_requests_answers_and_streams(name: str) -> None:
    own = [one for one in goldens() if one.format == name and one.is_ok]

    assert any(one.response is not None for one in own)
    assert any(one.stream_bytes is not None for one in own)


# Identity


@each(OK)
def test_a_request_is_rendered_as_it_came(exchange: Exchange) -> None:
    format_ = format_of(exchange)
    sent = copy.deepcopy(exchange.request)

    rendered = format_.render_request(format_.parse_request(sent, exchange.route))

    assert plain_request(rendered.body, exchange.route) == plain_request(exchange.request, exchange.route)
    assert rendered.losses == ()
    assert sent == exchange.request
    assert rendered.body.get("stream", False) or not exchange.request.get("stream", False)


@each(one for one in MINE if not one.is_ok)
def test_a_request_that_a_provider_refused_is_rendered_as_it_came_or_refused_here(exchange: Exchange) -> None:
    format_ = format_of(exchange)

    try:
        rendered = format_.render_request(format_.parse_request(exchange.request, exchange.route))
    except InvalidRequest as refusal:
        assert refusal.param is None or is_clients_field(refusal.param, format_, exchange.request)
    else:
        assert plain_request(rendered.body, exchange.route) == plain_request(exchange.request, exchange.route)


@each(BUFFERED)
def test_an_answer_is_rendered_as_it_came(exchange: Exchange) -> None:
    format_ = format_of(exchange)
    request = format_.parse_request(exchange.request, exchange.route)

    rendered = format_.render_response(answer_of(exchange), request)

    assert without_nulls(rendered) == without_nulls(exchange.response)


@each(BUFFERED)
def test_an_answer_survives_being_told_as_events(exchange: Exchange) -> None:
    answer = answer_of(exchange)

    assert fold(unfold(answer)) == answer


# Streams


@each(WHOLE_STREAMS)
def test_a_whole_stream_folds_to_a_complete_answer(exchange: Exchange) -> None:
    events = events_of(exchange)
    gathered = Fold()

    for event in events:
        gathered.add(event)

    assert gathered.complete
    assert grammar_faults(events) == []
    assert gathered.response.choices


@each(BROKEN_STREAMS)
def test_a_broken_stream_never_folds_to_a_complete_answer(exchange: Exchange) -> None:
    """One that lacks only the very last word, after every choice said why it ended, may be taken for whole."""
    try:
        events = events_of(exchange)
    except ProviderError:
        return

    assert not any(isinstance(event, StreamEnd) for event in events) or all(
        choice.finish.reason is not FinishReason.ERROR for choice in fold(events).choices
    )


@each(one for one in WHOLE_STREAMS if one.response is not None)
def test_a_stream_means_what_its_buffered_twin_means(exchange: Exchange) -> None:
    streamed, buffered = fold(events_of(exchange)), answer_of(exchange)

    assert streamed.choices == buffered.choices
    assert streamed.usage == buffered.usage


@each(WHOLE_STREAMS)
def test_a_stream_encoded_again_by_its_own_format_folds_to_an_equal_answer(exchange: Exchange) -> None:
    format_ = format_of(exchange)
    events = events_of(exchange)

    frames = encoded(format_, told(events))

    assert fold(decoded(format_, frames)) == fold(events)
    assert stream_faults(format_.name, frames) == []


@each(one for one in STREAMED if one.is_golden)
def test_no_cut_of_the_bytes_changes_the_frames_whatever_ends_the_lines(exchange: Exchange) -> None:
    """G01, G03: decoders of formats see frames only, so what holds for the frames holds for the events."""
    assert exchange.stream_bytes is not None
    format_ = format_of(exchange)
    whole = frames_of(format_, [exchange.stream_bytes])

    for ending, data in line_endings(exchange.stream_bytes, format_.framing.media_type).items():
        for pieces in every_cut(data):
            assert frames_of(format_, pieces) == whole, (ending, len(pieces[0]))


@each(STREAMED)
def test_sixty_random_cuttings_give_the_same_frames_whatever_ends_the_lines(exchange: Exchange) -> None:
    """G01."""
    assert exchange.stream_bytes is not None
    format_ = format_of(exchange)
    whole = frames_of(format_, [exchange.stream_bytes])
    variants = list(line_endings(exchange.stream_bytes, format_.framing.media_type).items())

    for seed in range(60):
        ending, data = variants[seed % len(variants)]
        assert frames_of(format_, random_cuts(data, seed)) == whole, (ending, seed)


@each(WHOLE_STREAMS)
def test_the_same_frames_give_the_same_events(exchange: Exchange) -> None:
    assert events_of(exchange) == events_of(exchange)


@each(one for one in WHOLE_STREAMS if one.is_golden)
def test_a_stream_that_stops_early_is_never_taken_for_whole(exchange: Exchange) -> None:
    format_ = format_of(exchange)
    assert exchange.stream_bytes is not None
    frames = frames_of(format_, [exchange.stream_bytes])

    for length in range(len(frames) // 2):
        try:
            events = decoded(format_, frames[:length])
        except ProviderError:
            continue
        assert not any(isinstance(event, StreamEnd) for event in events), length


@each_format
@given(data=st.data())
def test_every_legal_stream_encodes_to_one_that_means_the_same(name: str, data: st.DataObject) -> None:
    format_ = FORMATS[name]
    events = data.draw(event_streams(most_choices=1 if name in ONE_CHOICE else 3))

    frames = encoded(format_, events)

    assert stream_faults(name, frames) == []
    assert common(fold(decoded(format_, frames))) == common(fold(events))


@each_format
@given(data=st.data())
def test_a_stream_that_fails_carries_the_error_and_no_end(name: str, data: st.DataObject) -> None:
    format_ = FORMATS[name]
    kind = data.draw(st.sampled_from(sorted(set(PROVIDER_ERRORS.values()), key=lambda error: error.__name__)))
    begun = data.draw(event_streams())[:-1]
    cut = data.draw(st.integers(1, len(begun)))
    error = StreamError(error=kind("The provider gave up."))

    frames = encoded(format_, [*begun[:cut], error])

    events = decoded(format_, frames)
    errors = [event.error for event in events if isinstance(event, StreamError)]
    assert [(type(one), one.type) for one in errors] == [(kind, kind.type)]
    assert not any(isinstance(event, StreamEnd) for event in events)


# Prefixes


@each(MINE)
def test_one_more_message_never_changes_what_is_sent_before_it(exchange: Exchange) -> None:
    try:
        request = supplied(format_of(exchange).parse_request(exchange.request, exchange.route))
    except InvalidRequest:
        return

    for name, format_ in FORMATS.items():
        try:
            before = format_.render_request(request).body
        except InvalidRequest:
            continue
        after = format_.render_request(with_question(request)).body
        assert prefix_faults(name, before, after) == []
