from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cuts import every_cut, random_cuts

from prxy.canonical.errors import ProviderBadResponse
from prxy.canonical.stream import through
from prxy.framing.frame import Frame
from prxy.framing.sse import MAX_LINE_BYTES, SSE, SSE_WITH_PICTURES, SseDecoder, encode_comment, encode_frame

LINES = (
    b": a comment\n"
    b"event: first\n"
    b"data: one\n"
    b"data:two\n"
    b"\n"
    b"id: 7\n"
    b"retry: 10\n"
    b"data: \xe2\x82\xac \xf0\x9f\xa6\x9c\n"
    b"\n"
    b"event: forgotten\n"
    b"\n"
    b"data:  padded \n"
    b"unknown: field\n"
    b"\n"
)
FRAMES = [Frame(b"one\ntwo", "first"), Frame("€ 🦜".encode()), Frame(b" padded ")]


def frames(*pieces: bytes) -> list[Frame]:
    return list(through(SseDecoder(), pieces))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_no_cut_changes_the_frames(ending: bytes, bom: bytes) -> None:
    """G01, G03, G04."""
    data = bom + LINES.replace(b"\n", ending)

    assert frames(data) == FRAMES
    assert all(frames(*pieces) == FRAMES for pieces in every_cut(data))
    assert frames(*(data[place : place + 1] for place in range(len(data)))) == FRAMES


@given(
    st.lists(st.sampled_from([b"data: a", b"data:b", b": c", b"event: d", b"", b"\r", b"\n", b"\r\n"])),
    st.integers(0, 999),
)
def test_line_endings_may_be_mixed_and_cut_anywhere(pieces: list[bytes], seed: int) -> None:
    """G03, G04."""
    data = b"".join(pieces)

    assert frames(*random_cuts(data, seed)) == frames(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


def test_mixed_line_endings_end_lines_alike() -> None:
    """G03, G05."""
    assert frames(b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r") == [Frame(b"a\nb\nc"), Frame(b"d")]


def test_an_empty_piece_between_cr_and_lf_changes_nothing() -> None:
    """G04."""
    assert frames(b"data: a\r", b"", b"\n\r\n") == [Frame(b"a")]


def test_a_byte_order_mark_is_dropped_at_the_start_only() -> None:
    mark = b"\xef\xbb\xbf"

    assert frames(mark, b"data: a\n\ndata: ", mark, b"b\n\n") == [Frame(b"a"), Frame(mark + b"b")]


def test_half_a_byte_order_mark_is_no_mark() -> None:
    assert frames(b"\xef\xbb", b"data: a\n\n") == []


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"], ids=ascii)
def test_characters_that_other_splitters_take_for_line_ends_stay_in_the_data(separator: str) -> None:
    data = f"one{separator}two".encode()

    assert frames(b"data: " + data + b"\n\n") == [Frame(data)]


def test_comments_between_the_lines_of_an_event_do_not_end_it() -> None:
    """G06."""
    assert frames(b"data: a\n: ping\ndata: b\n\n") == [Frame(b"a\nb")]


def test_only_one_space_after_the_colon_is_dropped() -> None:
    """G05."""
    assert frames(b"data:a\n\ndata: a\n\ndata:  a\n\n") == [Frame(b"a"), Frame(b"a"), Frame(b" a")]


def test_a_field_without_a_colon_has_an_empty_value() -> None:
    assert frames(b"data\ndata\n\n") == [Frame(b"\n")]


def test_an_event_name_belongs_to_one_event() -> None:
    assert frames(b"event: a\ndata: 1\n\ndata: 2\n\n") == [Frame(b"1", "a"), Frame(b"2")]


def test_an_event_without_data_is_dropped_and_so_is_its_name() -> None:
    assert frames(b"event: a\n\ndata: 1\n\n") == [Frame(b"1")]


def test_the_last_of_two_event_names_counts() -> None:
    assert frames(b"event: a\nevent: b\ndata: 1\n\n") == [Frame(b"1", "b")]


def test_ids_and_retry_times_are_ignored() -> None:
    assert frames(b"id: 1\nretry: 3000\ndata: a\n\nid: 2\n\n") == [Frame(b"a")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"], ids=repr)
def test_a_last_event_that_lacks_its_blank_line_is_given_out(end: bytes) -> None:
    assert frames(b"data: a\n\ndata: b" + end) == [Frame(b"a"), Frame(b"b")]


def test_an_event_is_given_out_as_soon_as_its_blank_line_is_there() -> None:
    decoder = SseDecoder()

    assert list(decoder.feed(b"data: a\r\n\r")) == [Frame(b"a")]
    assert list(decoder.feed(b"\n")) == []


def test_a_picture_in_one_event_is_read_in_time_linear_to_its_size() -> None:
    """D05: whatever the pieces in which it comes."""
    picture = b"x" * (20 << 20)
    pieces = [b"data: ", *(picture[place : place + 4096] for place in range(0, len(picture), 4096)), b"\n\n"]

    decoder = SSE_WITH_PICTURES.decoder()
    told = [frame for piece in pieces for frame in decoder.feed(piece)]

    assert told == [Frame(picture)]


def test_a_line_beyond_all_measure_is_refused_before_it_ends() -> None:
    decoder = SseDecoder()
    piece = b"data: " + b"x" * (MAX_LINE_BYTES // 4)
    for _ in range(3):
        assert list(decoder.feed(piece)) == []

    with pytest.raises(ProviderBadResponse, match="longer than 1 MB"):
        list(decoder.feed(piece * 2))


def test_an_event_beyond_all_measure_in_shorter_lines_is_refused() -> None:
    line = b"data: " + b"x" * 1_000_000 + b"\n"

    with pytest.raises(ProviderBadResponse, match="longer than 1 MB"):
        frames(line * 2)


def test_many_events_may_be_longer_together_than_one_may_be() -> None:
    event = b"data: " + b"x" * (MAX_LINE_BYTES // 4) + b"\n\n"

    assert len(frames(*[event] * 6)) == 6


@given(
    st.lists(
        st.builds(
            Frame,
            st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])).map(str.encode),
            st.text("abc_.", max_size=8),
        )
    ),
    st.integers(0, 999),
)
def test_what_is_encoded_is_decoded_alike(sent: list[Frame], seed: int) -> None:
    data = b"".join(encode_frame(frame) for frame in sent)

    assert frames(*random_cuts(data, seed)) == sent


def test_a_comment_is_nothing_to_a_decoder() -> None:
    """G06."""
    assert frames(b"data: a\n\n", encode_comment("keep-alive"), b"data: b\n\n") == [Frame(b"a"), Frame(b"b")]


def test_the_framing_names_its_media_type_and_makes_a_fresh_decoder_each_time() -> None:
    assert SSE.media_type == "text/event-stream"
    assert SSE.decoder() is not SSE.decoder()
    assert SSE.encode(Frame(b"a", "b")) == b"event: b\ndata: a\n\n"
