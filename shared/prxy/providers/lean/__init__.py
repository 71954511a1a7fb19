"""HTTP/1.1 client over asyncio protocols and httptools: a few system calls and little else per request.

    LeanTransport   finds or opens a connection, sends, waits for the head
    Connection      bytes of one socket -> the reply that is under way
    LeanReply       one exchange: its head, what has come of its body, its deadlines
    Pool            connections that wait for their next request

A request is written once. A pooled connection is looked at before it is written to, and dropped in favour of a fresh
one when the other end has closed it. When it closes later, before a byte of the reply, the outcome is unknown: the
request may have been worked on and billed, so ProviderStreamInterrupted is raised and nothing is sent again.
"""

from __future__ import annotations

from prxy.providers.lean.transport import LeanTransport

__all__ = ["LeanTransport"]
