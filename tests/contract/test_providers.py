"""What holds for every provider, and where each one is."""

from __future__ import annotations

import importlib
import pkgutil
from urllib.parse import quote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prxy import providers
from prxy.canonical.errors import InvalidRequest, ProviderError
from prxy.providers import PROVIDERS
from prxy.providers.base import ConfiguredProvider, Provider, Speaks, build_request, configure
from prxy.providers.errors import error_from_reply
from prxy.providers.transport import Deadlines

KEY = "sk-canary-0123456789abcdefghijkl"
EVERY = pytest.mark.parametrize("row", PROVIDERS.values(), ids=PROVIDERS)
ONE_OF_EACH_FORMAT = {speaks.format.parse_error: row for row in PROVIDERS.values() for speaks in row.speaks}
EVERY_FORMAT = pytest.mark.parametrize("row", ONE_OF_EACH_FORMAT.values(), ids=lambda row: row.name)
PATHS = [
    pytest.param(row, speaks, stream, id=f"{row.name}-{'stream' if stream else 'whole'}")
    for row in PROVIDERS.values()
    for speaks in row.speaks
    for stream in (False, True)
]
CHAT = "/chat/completions"
ADDRESSES = {
    "openai": f"https://api.openai.com/v1{CHAT}",
    "anthropic": "https://api.anthropic.com/v1/messages",
    "google": "https://generativelanguage.googleapis.com/v1beta/models/some-model:generateContent",
    "bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com/model/some-model/converse",
    "groq": f"https://api.groq.com/openai/v1{CHAT}",
    "mistral": f"https://api.mistral.ai/v1{CHAT}",
    "deepseek": f"https://api.deepseek.com{CHAT}",
    "xai": f"https://api.x.ai/v1{CHAT}",
    "openrouter": f"https://openrouter.ai/api/v1{CHAT}",
    "together": f"https://api.together.xyz/v1{CHAT}",
    "fireworks": f"https://api.fireworks.ai/inference/v1{CHAT}",
    "cerebras": f"https://api.cerebras.ai/v1{CHAT}",
    "perplexity": f"https://api.perplexity.ai{CHAT}",
    "ollama": f"http://127.0.0.1:11434/v1{CHAT}",
    "vllm": f"http://127.0.0.1:8000/v1{CHAT}",
}
KEY_HEADERS = {"anthropic": "x-api-key", "google": "x-goog-api-key", "azure": "api-key"}


def configured(row: Provider) -> ConfiguredProvider:
    urls = {} if row.base_url else {row.name: "https://somewhere.example/openai/v1"}
    return configure([row], keys={row.name: KEY}, urls=urls)[row.name]


def test_every_file_that_has_a_provider_is_registered() -> None:
    found = set()
    for module in pkgutil.iter_modules(providers.__path__):
        loaded = importlib.import_module(f"prxy.providers.{module.name}")
        rows = [getattr(loaded, "PROVIDER", None), *getattr(loaded, "PROVIDERS", ())]
        found |= {row.name for row in rows if isinstance(row, Provider)}

    assert found == set(PROVIDERS)


@pytest.mark.parametrize(("name", "url"), ADDRESSES.items(), ids=ADDRESSES)
def test_a_provider_is_asked_at_its_documented_address(name: str, url: str) -> None:
    row = PROVIDERS[name]

    assert build_request(configured(row), row.speaks[0], "some-model", body=b"{}").url == url


def test_azure_has_no_address_until_the_operator_sets_one() -> None:
    assert PROVIDERS["azure"].base_url is None
    assert not configure([PROVIDERS["azure"]], keys={"azure": KEY}, urls={})["azure"].usable


def test_a_gemini_stream_has_a_path_and_a_query_of_its_own() -> None:
    row = PROVIDERS["google"]

    url = build_request(configured(row), row.speaks[0], "gemini-3-pro", body=b"{}", stream=True).url

    assert url.endswith("/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse")


@EVERY
def test_whoever_has_an_address_for_counts_speaks_a_wire_that_counts(row: Provider) -> None:
    assert [speaks for speaks in row.speaks if speaks.count_path and speaks.format.counting is None] == []


@pytest.mark.parametrize(("row", "speaks", "stream"), PATHS)
def test_the_key_travels_in_one_header_and_never_in_the_url(row: Provider, speaks: Speaks, stream: bool) -> None:
    request = build_request(configured(row), speaks, "m", body=b"{}", stream=stream, credential=KEY)

    carrying = {name: value for name, value in request.headers.items() if KEY in value}
    name = KEY_HEADERS.get(row.name, "authorization")
    assert carrying == {name: f"Bearer {KEY}" if name == "authorization" else KEY}
    assert KEY not in request.url


@pytest.mark.parametrize(("row", "speaks", "stream"), PATHS)
def test_every_request_says_what_it_sends_and_what_it_takes(row: Provider, speaks: Speaks, stream: bool) -> None:
    deadlines = Deadlines(total_s=7)

    request = build_request(configured(row), speaks, "m", body=b"{}", stream=stream, deadlines=deadlines)

    assert request.method == "POST"
    assert request.body == b"{}"
    assert request.deadlines == deadlines
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == (speaks.format.framing.media_type if stream else "application/json")
    assert request.headers["user-agent"].startswith("prxy/")
    assert all(name == name.lower() for name in request.headers)


@EVERY
def test_a_forwarded_header_cannot_replace_the_key(row: Provider) -> None:
    headers = {"Authorization": "Bearer other", "X-Api-Key": "other", "x-goog-api-key": "other", "api-key": "other"}

    request = build_request(configured(row), row.speaks[0], "m", body=b"{}", headers=headers, credential=KEY)

    assert KEY in request.headers[KEY_HEADERS.get(row.name, "authorization")]


def test_anthropic_has_a_default_version_and_the_clients_own_wins() -> None:
    row = PROVIDERS["anthropic"]

    plain = build_request(configured(row), row.speaks[0], "m", body=b"{}")
    chosen = build_request(configured(row), row.speaks[0], "m", body=b"{}", headers={"Anthropic-Version": "2027-01-01"})

    assert plain.headers["anthropic-version"] == "2023-06-01"
    assert chosen.headers["anthropic-version"] == "2027-01-01"


@EVERY
def test_without_a_key_no_key_header_is_sent(row: Provider) -> None:
    request = build_request(configured(row), row.speaks[0], "m", body=b"{}")

    assert not {"authorization", "x-api-key", "x-goog-api-key", "api-key"} & set(request.headers)


BAD_MODELS = [
    "arn:aws:bedrock:us-east-1:111122223333:inference-profile/x",
    "",
    " ",
    "..",
    ".",
    "/etc",
    "../../v1beta/files",
    "x/../../v1beta/files",
    "x/..",
    "x/./y",
    "x?key=y",
    "x#",
    "x#y",
    "x\\@evil",
    "x\\..\\y",
    "%2e%2e%2fx",
    "x%2f..",
    "@evil.example",
    ":8080",
    "x y",
    "x\n",
    "x\r\ny",
    "x\0",
    "x\u2028",
    "\u202ex",
    "\U0001f600",
    "é",
    "x;y",
    "x&y",
    "x" * 257,
]


@EVERY
@pytest.mark.parametrize("model", BAD_MODELS, ids=ascii)
def test_a_model_that_would_leave_its_place_is_refused(row: Provider, model: str) -> None:
    for stream in (False, True):
        with pytest.raises(InvalidRequest) as caught:
            build_request(configured(row), row.speaks[0], model, body=b"{}", stream=stream)

        assert caught.value.code == "invalid_model"
        assert caught.value.param == "model"


@given(st.text(max_size=40) | st.text("abz019._:/@-%#?\\", max_size=40))
def test_no_model_changes_where_a_request_goes(model: str) -> None:
    for row in PROVIDERS.values():
        for stream in (False, True):
            table = urlsplit(build_request(configured(row), row.speaks[0], "m", body=b"{}", stream=stream).url)
            try:
                built = urlsplit(build_request(configured(row), row.speaks[0], model, body=b"{}", stream=stream).url)
            except InvalidRequest:
                continue

            assert built._replace(path="") == table._replace(path="")
            assert built.path.count("/") == table.path.count("/")


GOOD_MODELS = [
    "gpt-5.1",
    "meta-llama/Llama-4-Maverick",
    "accounts/fireworks/models/x",
    "llama3.2:3b",
    "a@b",
    "x..y",
    "7b",
]


@EVERY
@pytest.mark.parametrize("model", GOOD_MODELS)
def test_models_as_vendors_name_them_are_taken(row: Provider, model: str) -> None:
    provider = configured(row)

    request = build_request(provider, row.speaks[0], model, body=b"{}")

    assert request.url.startswith(f"{provider.base_url}/")
    assert ("{model}" in row.speaks[0].path) == (quote(model, safe="") in request.url)


class Canned:
    """A reply that is already here."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}

    async def read(self) -> bytes:
        return self.body


STATUSES = {
    400: (400, "provider_rejected"),
    401: (401, "provider_authentication"),
    403: (403, "provider_permission"),
    404: (404, "model_not_found"),
    413: (413, "request_too_large"),
    422: (400, "provider_rejected"),
    429: (429, "provider_rate_limit"),
    500: (502, "provider_unavailable"),
    502: (502, "provider_unavailable"),
    503: (503, "provider_overloaded"),
    504: (504, "provider_timeout"),
    529: (503, "provider_overloaded"),
}


@EVERY_FORMAT
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", [b"", b"<html>bad gateway at 10.1.2.3</html>", b"null", b"[", b'"text"', b"\xff"])
async def test_an_error_without_a_readable_body_has_our_own_words(row: Provider, status: int, body: bytes) -> None:
    error = await error_from_reply(Canned(status, body), row.name, row.speaks[0].format)

    assert (error.status, error.code) == STATUSES[status]
    assert error.message == f"{row.name}: The provider answered with status {status} and no readable message."


@EVERY_FORMAT
@pytest.mark.parametrize("status", STATUSES)
async def test_an_error_of_a_provider_keeps_its_class_and_its_words_without_its_secrets(
    row: Provider, status: int
) -> None:
    """H16."""
    words = f"The knob 'x' is wrong; key {KEY}, see https://internal.example/{KEY}"
    body = {"error": {"message": words, "type": "some_error", "code": status, "status": "SOME"}, "type": "error"}

    reply = Canned(status, msgspec.json.encode(body), {"retry-after": "7"})
    error = await error_from_reply(reply, row.name, row.speaks[0].format, KEY)

    assert (error.status, error.code) == STATUSES[status]
    assert error.message.startswith(f"{row.name}: The knob 'x' is wrong; key [redacted]")
    assert "canary" not in error.message
    assert "internal.example" not in error.message
    assert error.retry_after == "7"


@EVERY_FORMAT
@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"error": 1}', b'{"error": []}', b'{"error": {"message": {}}}', b"[1]"]
)
async def test_an_error_body_of_any_shape_is_an_error_of_the_provider(row: Provider, body: bytes) -> None:
    error = await error_from_reply(Canned(400, body), row.name, row.speaks[0].format)

    assert isinstance(error, ProviderError)
    assert error.status < 500


@EVERY
async def test_a_redirect_is_a_bad_response(row: Provider) -> None:
    reply = Canned(307, b"moved", {"location": "https://evil.example"})

    error = await error_from_reply(reply, row.name, row.speaks[0].format)

    assert (error.status, error.code) == (502, "provider_bad_response")
    assert "evil" not in error.message
