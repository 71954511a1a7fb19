"""The admin API, made by the first call to it: FastAPI takes longer to import than the rest of the gateway."""

from __future__ import annotations

import asyncio

from prxy.api.http import App, Receive, Scope, Send
from prxy.control import ControlPlane


class ControlAppLater:
    """For a server that also has the data plane. That one goes on answering while the import runs in a thread."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._app: App | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app or await self._made()
        await app(scope, receive, send)

    async def _made(self) -> App:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
            return self._app

    def _make(self) -> App:
        from prxy.api.control.app import create_control_app  # noqa: PLC0415  # only once it is called

        return create_control_app(self._plane)
