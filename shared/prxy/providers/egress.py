"""A way out that leads to named hosts only."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from prxy.canonical.errors import NotPermitted
from prxy.providers.transport import HttpReply, HttpRequest, Transport


class ConfinedTransport(Transport):
    """Sends what goes to one of the hosts, or to a host below one, and refuses the rest before anything is sent."""

    def __init__(self, inner: Transport, hosts: Sequence[str]) -> None:
        self._inner, self._hosts = inner, hosts

    async def send(self, request: HttpRequest) -> HttpReply:
        """Raises NotPermitted (model_not_allowed), and as the transport within does."""
        host = (urlsplit(request.url).hostname or "").lower()
        if not any(_leads_to(host, each) for each in self._hosts):
            raise NotPermitted(
                f"This call may go to {', '.join(self._hosts) or 'no host'} only, and its model is served elsewhere.",
                code="model_not_allowed",
                param="model",
            )
        return await self._inner.send(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _leads_to(host: str, allowed: str) -> bool:
    """Addresses have nothing below them: unlike theirs, no name ends in a digit."""
    return host == allowed or (host.endswith(f".{allowed}") and not host[-1].isdigit())
