"""Which endpoint a path and a method lead to."""

from __future__ import annotations

import pytest

from prxy.api.http import Receive, Scope, Send
from prxy.api.router import Route, find


class Named:
    """An endpoint that is only looked at."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


ROUTES = [
    Route(path="/v1/chat", app=Named("chat"), methods=("POST",)),
    Route(path="/v1/models/{model:path}:count", app=Named("count"), methods=("POST",)),
    Route(path="/v1/models/{model:path}:{verb}", app=Named("gemini"), methods=("POST",)),
    Route(path="/v1/models/{id:path}", app=Named("model")),
    Route(path="/v1.0/{one}/end", app=Named("one")),
]


def found(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    match find(ROUTES, method, path):
        case (Named(name=name), parameters):
            return name, dict(parameters)
        case _:
            return None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/chat", ("chat", {})),
        ("/v1/models/a/b:count", ("count", {"model": "a/b"})),
        ("/v1/models/a/b:tell", ("gemini", {"model": "a/b", "verb": "tell"})),
        ("/v1/models/a:b:tell", ("gemini", {"model": "a:b", "verb": "tell"})),
        ("/v1/models/a/b", ("model", {"id": "a/b"})),
        ("/v1.0/a/end", ("one", {"one": "a"})),
    ],
)
def test_the_first_route_that_matches_answers(path: str, expected: tuple[str, dict[str, str]]) -> None:
    assert found("POST", path) == expected


@pytest.mark.parametrize(
    "path", ["", "/", "/v1/chat/", "/v1/chatter", "/v1x0/a/end", "/v1.0/a/b/end", "/v1.0//end", "/v1.0/a/end\n"]
)
def test_a_path_that_differs_leads_nowhere(path: str) -> None:
    assert found("POST", path) is None


def test_a_route_for_the_method_is_preferred_to_an_earlier_one_for_another() -> None:
    assert found("GET", "/v1/models/a:tell") == ("model", {"id": "a:tell"})


def test_where_no_route_takes_the_method_the_endpoint_at_the_path_says_so() -> None:
    assert found("GET", "/v1/chat") == ("chat", {})
