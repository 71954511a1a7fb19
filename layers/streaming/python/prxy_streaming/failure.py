"""An exception as Lambda wants to hear of it.

A message may quote a prompt or a key, so what fails during a request is told by type and place alone. Before the first
request there is nothing to give away, and the message says what to mend.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Final

_TYPE = "Lambda-Runtime-Function-Error-Type"
_BODY = "Lambda-Runtime-Function-Error-Body"
_FRAMES = 12
_TRAILER_BYTES = 2048
_TYPE_CHARACTERS = 128
_NOT_IN_A_TYPE = re.compile(r"[^\w.]", re.ASCII)
TRAILER_NAMES = f"{_TYPE}, {_BODY}"


class Failure:
    def __init__(self, type: str, message: str, frames: tuple[str, ...] = ()) -> None:
        """`frames`: innermost first, `file:line in function`."""
        self.type: Final = type
        self.message: Final = message
        self.frames: Final = frames

    @classmethod
    def at_start(cls, error: BaseException, type_: str) -> Failure:
        return cls(type=_written(type_), message=f"{type(error).__name__}: {error}", frames=_frames(error))

    @classmethod
    def in_request(cls, error: BaseException) -> Failure:
        name = type(error).__name__
        return cls(type=_written(f"Function.{name}"), message=f"unhandled {_written(name)}", frames=_frames(error))

    @property
    def headers(self) -> Mapping[str, str]:
        return {_TYPE: self.type, "Content-Type": "application/json"}

    @property
    def body(self) -> bytes:
        document = {"errorMessage": self.message, "errorType": self.type, "stackTrace": self.frames}
        return json.dumps(document).encode()

    @property
    def trailers(self) -> Mapping[str, str]:
        """Both trailers, outer frames left out until the body fits 2 KiB.

        The Runtime API is a Go server, which resets the connection at a trailer block of 4 KiB.
        """
        shortened = self
        while len(encoded := base64.b64encode(shortened.body)) > _TRAILER_BYTES and shortened.frames:
            shortened = Failure(type=self.type, message=self.message, frames=shortened.frames[:-1])
        return {_TYPE: self.type, _BODY: encoded.decode()}

    def log(self, request_id: str | None = None) -> None:
        document = {"level": "ERROR", "message": self.message, "type": self.type, "frames": self.frames}
        sys.stderr.write(json.dumps({**document, "request_id": request_id}) + "\n")
        sys.stderr.flush()


def _written(type_: str) -> str:
    """What may stand in a header, and leaves room for the rest of the trailers."""
    return _NOT_IN_A_TYPE.sub("_", type_)[:_TYPE_CHARACTERS]


def _frames(error: BaseException) -> tuple[str, ...]:
    summary = traceback.extract_tb(error.__traceback__)
    return tuple(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(summary))[:_FRAMES]
