"""Try a deployed gateway: `PRXY_ADMIN_KEY=… python -m scripts.smoke --url URL`.

Asks /health; with an admin key also makes an ordinary key, asks the model `prxy/echo` for a whole and a streamed
answer, revokes the key, and sees that it is refused from then on. No provider is called.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

WORDS = "seven small words to be said again"
QUESTION = {"model": "prxy/echo", "messages": [{"role": "user", "content": WORDS}], "max_tokens": 100}
ATTEMPTS = 10
PAUSE_S = 3.0
"""A new stage of API Gateway is reached everywhere after some seconds."""

Say = Callable[[str], None]


class SmokeFailed(Exception):
    """Which request was answered how."""


def smoke(http: httpx.Client, admin_key: str | None, say: Say = print) -> None:
    """Raises SmokeFailed and httpx.HTTPError."""
    health = healthy(http)
    names = ", ".join(health["providers"]) or "none"
    say(f"GET /health: {health['status']}, version {health['version']}, providers: {names}")
    if admin_key is None:
        say("No PRXY_ADMIN_KEY is set, so no call was made.")
        return
    with ordinary_key(http, admin_key) as key:
        whole(http, key)
        say("POST /v1/chat/completions, prxy/echo: answered")
        streamed(http, key)
        say("POST /v1/chat/completions, prxy/echo, streamed: answered to its end")
    expect(ask(http, key), 401)
    say("The key that was made for this is revoked and refused.")


def healthy(http: httpx.Client) -> dict[str, Any]:
    for _ in range(ATTEMPTS - 1):
        try:
            answer = http.get("/health")
        except httpx.TransportError:
            time.sleep(PAUSE_S)
            continue
        if answer.status_code == 200:
            return dict(answer.json())
        time.sleep(PAUSE_S)
    return dict(expect(http.get("/health"), 200).json())


@contextmanager
def ordinary_key(http: httpx.Client, admin_key: str) -> Iterator[str]:
    """The text of a key that may spend a cent and is revoked at the end, come what may."""
    admin = {"authorization": f"Bearer {admin_key}"}
    body = {"name": "smoke test", "limits": {"per_day_usd": "0.01"}}
    made = expect(http.post("/v1/keys", json=body, headers=admin), 201).json()
    try:
        yield made["key"]
    finally:
        expect(http.delete(f"/v1/keys/{made['id']}", headers=admin), 204)


def ask(http: httpx.Client, key: str, **more: object) -> httpx.Response:
    return http.post("/v1/chat/completions", json={**QUESTION, **more}, headers={"authorization": f"Bearer {key}"})


def whole(http: httpx.Client, key: str) -> None:
    answer = expect(ask(http, key), 200)
    if WORDS not in answer.json()["choices"][0]["message"]["content"]:
        raise SmokeFailed("prxy/echo did not repeat what it was told")


def streamed(http: httpx.Client, key: str) -> None:
    answer = expect(ask(http, key, stream=True), 200)
    if not answer.text.rstrip().endswith("data: [DONE]"):
        raise SmokeFailed("the stream of prxy/echo did not come to its end")


def expect(answer: httpx.Response, status: int) -> httpx.Response:
    """Raises SmokeFailed, with the status and the request id and nothing else of the answer."""
    if answer.status_code == status:
        return answer
    request, id_ = answer.request, answer.headers.get("x-request-id", "none")
    raise SmokeFailed(
        f"{request.method} {request.url.path}: {answer.status_code} in place of {status}; x-request-id {id_}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="output Url of the stack")
    given = parser.parse_args(arguments)
    try:
        with httpx.Client(base_url=given.url, timeout=60) as http:
            smoke(http, os.environ.get("PRXY_ADMIN_KEY"))
    except (SmokeFailed, httpx.HTTPError) as error:
        print(f"The gateway at {given.url} does not work: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
