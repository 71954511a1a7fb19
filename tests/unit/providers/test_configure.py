"""The operator's keys and addresses."""

from __future__ import annotations

import pytest

from prxy.providers import PROVIDERS
from prxy.providers.base import configure


def test_keys_and_addresses_go_to_the_provider_of_their_name() -> None:
    made = configure(PROVIDERS.values(), keys={"groq": "k"}, urls={"openai": "http://127.0.0.1:9/v1/"})

    assert made["groq"].key == "k"
    assert made["groq"].base_url == "https://api.groq.com/openai/v1"
    assert made["openai"].key is None
    assert made["openai"].base_url == "http://127.0.0.1:9/v1"
    assert set(made) == set(PROVIDERS)


def test_a_provider_is_usable_with_a_key_or_when_it_needs_none() -> None:
    made = configure(PROVIDERS.values(), keys={"groq": "k"}, urls={})

    usable = {name for name, provider in made.items() if provider.usable}

    assert usable == {"groq", "ollama", "vllm", "prxy"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com/v1",
        "//api.openai.com",
        "ftp://api.openai.com",
        "file:///etc/passwd",
        "https://",
        "https://user:hunter2@host/v1",
        "https://hunter2@host/v1",
        "https://host/v1?key=hunter2",
        "https://host/v1#hunter2",
        "https://host/v1?",
        "https://host:port/v1",
        "https://host:99999/v1",
        "https://host:0/v1",
        "https://ho st/v1",
        "https://host/v1\n",
        "https://host/../v1",
        "https://h\\@evil/v1",
        "https://[::1/v1",
        "https://hôte/v1",
    ],
)
def test_an_address_that_is_not_plain_is_refused_by_its_variable_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^GROQ_BASE_URL ") as caught:
        configure(PROVIDERS.values(), keys={}, urls={"groq": url})

    assert "hunter2" not in str(caught.value)
