"""What a wire format is: eight functions, four that serve a client and four that call a provider.

                wire -> canonical   canonical -> wire
    request     parse_request       render_request
    response    parse_response      render_response
    stream      decode_stream       encode_stream
    error       parse_error         render_error

Answering a client uses parse_request, render_response, encode_stream, render_error; calling a provider the other four.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec
from msgspec import Struct

from prxy.canonical.errors import GatewayError, ProviderBadResponse, ProviderError, UnsupportedFeature
from prxy.canonical.events import PartDelta, PartEnd, PartStart, StreamError, StreamEvent, UsageUpdate, Verbatim
from prxy.canonical.loss import Loss
from prxy.canonical.parts import Extras, Json, Part, Signature, Wire
from prxy.canonical.request import ChatRequest
from prxy.canonical.response import ChatResponse
from prxy.canonical.stream import Stage
from prxy.framing.frame import Frame
from prxy.framing.sse import SseWriter
from prxy.framing.writer import FrameWriter


class Rendered(Struct, frozen=True, kw_only=True):
    """A request body for a provider, and what could not be said in it."""

    body: Wire
    losses: tuple[Loss, ...] = ()
    headers: Mapping[str, str] = {}


class FrameDecoder(Stage[Frame, StreamEvent], Protocol):
    """Frames of a provider -> events."""

    def grown(self, frame: Frame) -> PartDelta | None:
        """What a frame says that only lengthens an open part, and None for any other, which `feed` takes.

        Nearly all frames of a stream do nothing else, so this is the short way for them: the same as `feed`, sooner.
        """
        return None


class Framing(Protocol):
    """How frames travel as bytes."""

    media_type: str

    def decoder(self) -> Stage[bytes, Frame]: ...
    def encode(self, frame: Frame) -> bytes: ...


class Counting(Struct, frozen=True, kw_only=True):
    """How tokens are counted on a wire: a request goes out, and only the size of its prompt comes back."""

    serves: tuple[str, ...]
    """Paths of the gateway at which clients ask for a count."""
    parse_request: Callable[[Wire, Mapping[str, str]], ChatRequest]
    """As of the format, but for what only an answer needs. Raises InvalidRequest naming the field."""
    render_request: Callable[[ChatRequest], Rendered]
    """As of the format, without what a counter refuses."""
    parse_count: Callable[[Wire], int]
    """Tokens of the prompt. Raises ProviderBadResponse."""
    render_count: Callable[[int], Wire]


class Format(Struct, frozen=True, kw_only=True):
    """One wire. A dialect of it is `msgspec.structs.replace(FORMAT, render_request=…)`."""

    name: str
    serves: tuple[str, ...]
    """Paths of the gateway at which clients speak it."""
    framing: Framing
    fields: Mapping[str, str]
    """Canonical name of a knob (`sampling.seed`) -> the client's own field, for warnings and errors."""
    writer: Callable[[Mapping[str, str]], FrameWriter] = lambda query: SseWriter()
    """Query of the client's request -> how a streamed answer is written to it."""
    key_parameter: str | None = None
    """Query parameter in which clients of this wire may send their key."""
    forwards: tuple[str, ...] = ()
    """Client headers that travel to a provider of the same format."""
    tool_names: re.Pattern[str] | None = None
    """What a tool may be called on this wire, None for any name. Others travel under an alias (`aliases.py`)."""
    counting: Counting | None = None
    """None where the wire has no counter."""
    marks_cache: bool = False
    """Whether a request can say up to where its prompt is worth caching."""
    parse_request: Callable[[Wire, Mapping[str, str]], ChatRequest]
    """Body and path parameters of the route; the caller adds `headers`. Raises InvalidRequest naming the field."""
    render_request: Callable[[ChatRequest], Rendered]
    """Raises UnsupportedFeature where content, tools or the output format cannot be said."""
    parse_response: Callable[[Wire], ChatResponse]
    """Raises ProviderBadResponse."""
    render_response: Callable[[ChatResponse, ChatRequest], Wire]
    decode_stream: Callable[[], FrameDecoder]
    encode_stream: Callable[[ChatRequest], Stage[StreamEvent, Frame]]
    parse_error: Callable[[int, Json], ProviderError]
    """Status and decoded body (None where it was not JSON). The message is the provider's own, not yet redacted."""
    render_error: Callable[[GatewayError, str], tuple[int, Wire]]
    """Error and request id -> HTTP status and body."""


def own_fields(extras: Extras | None, name: str) -> Mapping[str, Json]:
    """The unknown fields to give back, if this format made them."""
    return extras.fields if extras is not None and extras.format == name else {}


def spelt(extras: Extras | None, name: str, variant: str) -> bool:
    """Whether this format parsed the value from the named variant."""
    return extras is not None and extras.format == name and variant in extras.spelling


def spelt_with(extras: Extras | None, name: str, variant: str) -> str | None:
    """What this format noted behind `variant:` (`id:msg_1`), where the spelling is a word of its own."""
    if extras is None or extras.format != name:
        return None
    return next((note[len(variant) + 1 :] for note in extras.spelling if note.startswith(f"{variant}:")), None)


def make_extras(name: str, fields: Mapping[str, Json], *spelling: str) -> Extras | None:
    """Extras, or None where there is nothing to keep."""
    return Extras(format=name, fields=fields, spelling=frozenset(spelling)) if fields or spelling else None


def foreign_losses(extras: Extras | None, name: str, at: str = "") -> Iterator[Loss]:
    """One loss for each unknown field of another format: this one cannot know what they mean.

    Raises UnsupportedFeature for a field without which something else would be asked.
    """
    if extras is None or extras.format == name:
        return
    for key in extras.fields:
        path = f"{at}.{key}" if at else key
        if key in extras.binding:
            raise UnsupportedFeature(
                f"'{path}' refers to what another provider keeps; leave it out, send everything in the request itself, "
                "or choose a model of that provider.",
                code="unsupported_parameter",
                param=path,
            )
        yield Loss(field=path, reason=f"{name} has no such field")


_json = msgspec.json.Decoder()


def decode_json(frame: Frame) -> Json:
    """The JSON value of a frame. Raises ProviderBadResponse."""
    try:
        return _json.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderBadResponse("The provider sent an event that is not JSON.") from error


def encode_json(value: Json) -> bytes:
    return msgspec.json.encode(value)


class PartTracker:
    """Part boundaries for wires that have none: a part opens when its key is first seen and ends when told."""

    def __init__(self) -> None:
        self._open: dict[object, int] = {}
        self._next = 0

    def grow(
        self, key: object, part: Part, delta: str = "", *, choice: int = 0, signature: Signature | None = None
    ) -> Iterator[StreamEvent]:
        """Add text to the part named `key`; `part` is how it begins, used only on first sight."""
        if key not in self._open:
            self._open[key] = self._next
            yield PartStart(index=self._next, part=part, choice=choice)
            self._next += 1
        if delta or signature:
            yield PartDelta(index=self._open[key], text=delta, signature=signature)

    def index(self, key: object) -> int | None:
        """Index of the open part of that name."""
        return self._open.get(key)

    def close(self, *keys: object) -> Iterator[StreamEvent]:
        """End the named open parts, in the order in which they were opened; all of them when none is named."""
        for key in [key for key in self._open if not keys or key in keys]:
            yield PartEnd(index=self._open.pop(key))


class Passthrough:
    """Events -> the provider's own frames, for a client of the same format when no module rewrote the events."""

    def __init__(self, encode_error: Stage[StreamEvent, Frame], *, hides_usage: bool) -> None:
        self._encode_error = encode_error
        self._hides_usage = hides_usage
        self._usage = self._content = False

    def feed(self, item: StreamEvent) -> Iterable[Frame]:
        # a pattern would ask `isinstance`, which is slow for Structs
        if type(item) is Verbatim:
            hidden = self._hides_usage and self._usage and not self._content
            self._usage = self._content = False
            return () if hidden else item.value
        if type(item) is StreamError:
            return self._encode_error.feed(item)
        if type(item) is UsageUpdate:
            self._usage = True
        else:
            self._content = True
        return ()

    def finish(self) -> Iterable[Frame]:
        return ()
