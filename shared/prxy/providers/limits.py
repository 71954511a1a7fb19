"""Sizes beyond which a reply is cut off, the same for every transport."""

from __future__ import annotations

MAX_HEADERS = 100
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024

BODY_TOO_LARGE = f"The provider's answer is larger than {MAX_BODY_BYTES // 2**20} MB."
HEAD_TOO_LARGE = f"The provider's answer has over {MAX_HEADERS} headers or a head over {MAX_HEAD_BYTES // 1024} KB."
NOT_HTTP = "The provider's answer is not HTTP/1.1."
NO_CONNECTION = "No connection to the provider could be made."
CUT_SHORT = "The provider closed the connection before its answer was complete."
NO_ANSWER = "The provider closed the connection without an answer; whether it worked on the request is not known."
TOO_SLOW_TO_CONNECT = "The provider did not accept a connection in time."
TOO_SLOW = "The provider did not answer in time."
UNUSABLE_REQUEST = "The gateway built a request that HTTP cannot carry."
