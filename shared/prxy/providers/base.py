"""What a provider is: an address, the way its key travels and the formats it speaks. No translation happens here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache, lru_cache
from urllib.parse import quote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

import prxy
from prxy.canonical.errors import InvalidRequest
from prxy.canonical.request import ChatRequest
from prxy.formats import FORMATS
from prxy.formats.base import Format, Rendered
from prxy.providers.auth import Auth
from prxy.providers.transport import Deadlines, HttpRequest, Transport

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,255}")
Sign = Callable[[HttpRequest], Awaitable[HttpRequest]]
RenderRequest = Callable[[ChatRequest], Rendered]
_USER_AGENT = f"prxy/{prxy.__version__}"


class Speaks(Struct, frozen=True, kw_only=True):
    """One format at one path."""

    wire: str
    """Name of the format, which is imported when it is first spoken."""
    path: str
    """Appended to the base URL; `{model}` stands for the percent-quoted model."""
    stream_path: str | None = None
    """Where streams have a path of their own; it may end in a query."""
    count_path: str | None = None
    """Where the provider counts the tokens of a prompt, None where it does not."""
    signs: bool = False
    """Whether reasoning comes signed and must be given back with its signature."""
    whole_up_to_tokens: int | None = None
    """Output limit above which even a whole answer is asked for as a stream; None: the provider sends any at once."""
    partial: bool = False
    """Models whose card says `responses_only` are not served at this path."""
    render_request: RenderRequest | None = None
    """Its own way of saying a request, None for the format's."""

    @property
    def format(self) -> Format:
        return FORMATS[self.wire] if self.render_request is None else _dialect(self.wire, self.render_request)


@cache
def _dialect(wire: str, render_request: RenderRequest) -> Format:
    return replace(FORMATS[wire], render_request=render_request)


class Provider(Struct, frozen=True, kw_only=True):
    name: str
    base_url: str | None
    """None: every operator has an address of their own and must set it."""
    auth: Auth
    speaks: tuple[Speaks, ...]
    moderations_path: str | None = None
    """Where it judges texts, None where it does not."""
    key_check_path: str | None = None
    """Where a GET tells a good key from a bad one and costs nothing, appended to the base URL; None: nowhere known."""
    embeddings_path: str | None = None
    """Where it serves OpenAI's embeddings API, appended to the base URL; None where it does not."""
    headers: Mapping[str, str] = {}
    """Sent with every request unless the client's own wins."""
    transport: Transport | None = None
    """Its own way out, None for the gateway's."""


class ConfiguredProvider(Struct, frozen=True, kw_only=True):
    """A provider as this deployment reaches it."""

    row: Provider
    base_url: str | None
    key: str | None
    """The operator's; tenants and callers may bring their own."""
    sign: Sign | None = None
    """Signs what carries no key, with the operator's own credentials."""

    @property
    def usable(self) -> bool:
        """Whether it can be called with what the operator set."""
        authorised = self.key is not None or self.sign is not None or not self.row.auth.needs_key
        return self.base_url is not None and authorised


def configure(
    providers: Iterable[Provider],
    *,
    keys: Mapping[str, str],
    urls: Mapping[str, str],
    signers: Mapping[str, Sign] | None = None,
) -> Mapping[str, ConfiguredProvider]:
    """Every provider by name, with the operator's keys and addresses. Raises ValueError for a bad <NAME>_BASE_URL."""
    return {
        row.name: ConfiguredProvider(
            row=row,
            base_url=_checked_url(row.name, urls[row.name]) if row.name in urls else row.base_url,
            key=keys.get(row.name),
            sign=(signers or {}).get(row.name),
        )
        for row in providers
    }


def _checked_url(name: str, url: str) -> str:
    """An address without its last slash. Never repeats what was set: it may hold a password."""
    variable = f"{name.upper()}_BASE_URL"
    try:
        parts = urlsplit(url)
        bad_port = parts.port == 0
    except ValueError as error:
        raise ValueError(f"{variable} is not a URL.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or bad_port:
        raise ValueError(f"{variable} must be an absolute http or https URL.")
    if parts.username is not None or "?" in url or "#" in url:
        raise ValueError(f"{variable} must have no user, query or fragment; the key goes to {name.upper()}_API_KEY.")
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url or _climbs(parts.path):
        raise ValueError(f"{variable} must be printable ASCII without spaces, backslashes or dot segments.")
    return url.rstrip("/")


def build_request(  # noqa: PLR0913  # each is one part of the request, by keyword
    provider: ConfiguredProvider,
    speaks: Speaks,
    model: str,
    *,
    body: bytes,
    credential: str | None = None,
    stream: bool = False,
    headers: Mapping[str, str] | None = None,
    deadlines: Deadlines = Deadlines(),  # noqa: B008  # frozen
) -> HttpRequest:
    """The request that asks a provider; `headers` are the client's that travel. Raises InvalidRequest."""
    return HttpRequest(
        url=_url(provider.base_url or "", (stream and speaks.stream_path) or speaks.path, model),
        headers={
            **provider.row.headers,
            **{name.lower(): value for name, value in (headers or {}).items()},
            "content-type": "application/json",
            "accept": speaks.format.framing.media_type if stream else "application/json",
            "user-agent": _USER_AGENT,
            **(provider.row.auth.headers(credential) if credential else {}),
        },
        body=body,
        deadlines=deadlines,
    )


async def signed(provider: ConfiguredProvider, request: HttpRequest, credential: str | None) -> HttpRequest:
    """The request, signed where it carries no key and the provider takes signatures. Raises ProviderUnavailable."""
    return request if credential is not None or provider.sign is None else await provider.sign(request)


def _checked_model(model: str) -> str:
    if not _MODEL.fullmatch(model) or _climbs(model) or model.startswith("arn:"):
        raise InvalidRequest(
            "'model' must be 1 to 256 letters, digits and ._:/@-, beginning with a letter or digit, without '..'; "
            "ARNs are not taken.",
            code="invalid_model",
            param="model",
        )
    return model


def _climbs(path: str) -> bool:
    return any(segment in (".", "..") for segment in path.split("/"))


@lru_cache(maxsize=256)
def _url(base: str, template: str, model: str) -> str:
    """Base and path, checked once they are one: quoting alone has never kept a model name inside its segment."""
    assert base, "routing refuses providers without an address"
    url = base + template.replace("{model}", quote(_checked_model(model), safe=""))
    built, table = urlsplit(url), urlsplit(base + template.replace("{model}", "model"))
    if (
        built._replace(path="") != table._replace(path="")
        or not built.path.startswith(urlsplit(base).path)
        or built.path.count("/") != table.path.count("/")
        or _climbs(built.path)
    ):
        raise InvalidRequest("'model' does not fit into the provider's address.", code="invalid_model", param="model")
    return url
