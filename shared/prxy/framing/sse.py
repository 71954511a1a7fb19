"""Server-sent events on bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html (as of 2026-11).

Lines end in CR, LF or CRLF and nowhere else: U+2028 and U+0085 are ordinary characters inside data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prxy.canonical.errors import ProviderBadResponse
from prxy.framing.frame import Frame

MEDIA_TYPE = "text/event-stream"
MAX_LINE_BYTES = 1 << 20
MAX_PICTURE_BYTES = 25 << 20
"""A picture that a model draws comes in one event: some megabytes of base64."""
_BOM = b"\xef\xbb\xbf"


class SseDecoder:
    """bytes -> Frame. `event* ; event = (field | comment)* blank`; one without data is dropped, by the standard."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        """`max_bytes`: the longest line, and the longest event. Beyond it ProviderBadResponse is raised."""
        self._max_bytes = max_bytes
        self._first = True
        self._after_cr = False
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""

    def feed(self, item: bytes) -> Iterable[Frame]:
        if self._first and item and not self._tail and item[:1] != _BOM[:1]:
            self._first = False
        if self._first or self._after_cr or b"\r" in item or len(item) > self._max_bytes:
            return self._by_line(item)
        within = self._tail or self._data or self._event
        if not within and item[-2:] == b"\n\n":
            return self._whole_events(item[:-2])
        return self._by_event(item, within=bool(within))

    def _by_event(self, item: bytes, *, within: bool) -> Iterator[Frame]:
        """The rest of the event that is open, the events that begin and end in this item, and the beginning of one."""
        if within:
            rest, blank, item = item.partition(b"\n\n")
            yield from self._by_line(rest + blank)
        whole = item.rfind(b"\n\n")
        if whole >= 0:
            yield from self._whole_events(item[:whole])
            item = item[whole + 2 :]
        if item:
            yield from self._by_line(item)

    def _whole_events(self, item: bytes) -> Iterator[Frame]:
        """The short way for what most reads bring: events in the usual spelling."""
        for block in item.split(b"\n\n"):
            lines = block.count(b"\n")
            if not lines and block[:6] == b"data: ":
                yield Frame(block[6:])
            elif lines == 1 and block[:7] == b"event: " and b"\ndata: " in block:
                head, _, data = block.partition(b"\ndata: ")
                yield Frame(data, head[7:].decode("utf-8", "replace"))
            else:
                yield from self._by_line(block + b"\n\n")

    def _by_line(self, item: bytes) -> Iterator[Frame]:
        for line in self._lines(item):
            if line:
                self._field(line)
            elif self._data:
                yield self._dispatch()
            else:
                self._event = ""

    def finish(self) -> Iterator[Frame]:
        """End of input. A last event that lacks only its blank line is given out: some servers forget it."""
        if self._tail:
            self._field(b"".join(self._tail))
            self._tail = []
        if self._data:
            yield self._dispatch()

    def _lines(self, data: bytes) -> list[bytes]:
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        elif data:
            self._after_cr = False
        if b"\n" in data or self._first:
            lines = b"".join((*self._tail, data)).split(b"\n")
            self._tail, self._tail_bytes = [], 0
        else:
            lines = [data]
        if self._first:
            self._strip_bom(lines)
        self._keep(lines.pop())
        return lines

    def _keep(self, piece: bytes) -> None:
        """The beginning of a line, in pieces: a long line is put together once."""
        if piece:
            self._tail.append(piece)
            self._tail_bytes += len(piece)
        if self._tail_bytes > self._max_bytes:
            raise self._too_long()

    def _strip_bom(self, lines: list[bytes]) -> None:
        if len(lines) == 1 and _BOM.startswith(lines[0]):
            return
        lines[0] = lines[0].removeprefix(_BOM)
        self._first = False

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value)
            if len(value) > self._max_bytes or self._size > self._max_bytes:
                raise self._too_long()
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")

    def _too_long(self) -> ProviderBadResponse:
        return ProviderBadResponse(f"An event of the provider's stream is longer than {self._max_bytes >> 20} MB.")

    def _dispatch(self) -> Frame:
        frame = Frame(b"\n".join(self._data), self._event)
        self._data, self._event, self._size = [], "", 0
        return frame


def encode_frame(frame: Frame) -> bytes:
    """Frame -> bytes. Data must not hold CR; each LF begins a new data line."""
    has_lines = b"\n" in frame.data
    if not frame.event and not has_lines:
        return b"data: " + frame.data + b"\n\n"
    head = b"event: " + frame.event.encode() + b"\n" if frame.event else b""
    if has_lines:
        return head + b"".join(b"data: " + line + b"\n" for line in frame.data.split(b"\n")) + b"\n"
    return head + b"data: " + frame.data + b"\n\n"


def encode_frames(frames: Sequence[Frame]) -> bytes:
    """Those of one write. Where no frame has a name, nor data of several lines, they are joined in one go."""
    if len(frames) == 1:
        return encode_frame(frames[0])
    texts = [frame.data for frame in frames]
    joined = b"\n\ndata: ".join(texts)
    if joined.count(b"\n") > 2 * (len(texts) - 1) or not texts or "".join([frame.event for frame in frames]):
        return b"".join([encode_frame(frame) for frame in frames])
    return b"data: " + joined + b"\n\n"


def encode_comment(text: str) -> bytes:
    """A line that clients skip. One newline: some take a blank line after a comment for an empty event."""
    return b": " + text.encode() + b"\n"


class SseWriter:
    """Frames and comments of one answer."""

    media_type = MEDIA_TYPE

    def encode(self, frames: Sequence[Frame]) -> bytes:
        return encode_frames(frames)

    def comment(self, text: str) -> bytes:
        return encode_comment(text)

    def end(self) -> bytes:
        return b""


class UncommentedSseWriter(SseWriter):
    """For clients that know no comments. A blank line is the only thing that they skip."""

    def comment(self, text: str) -> bytes:
        del text
        return b"\n"


class _Sse:
    """The framing as one value, for a format to name."""

    media_type = MEDIA_TYPE

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def decoder(self) -> SseDecoder:
        return SseDecoder(self._max_bytes)

    def encode(self, frame: Frame) -> bytes:
        return encode_frame(frame)


SSE = _Sse(MAX_LINE_BYTES)
SSE_WITH_PICTURES = _Sse(MAX_PICTURE_BYTES)
