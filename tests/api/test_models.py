"""The models list: only what can be called, in the shape that the client expects."""

from __future__ import annotations

import anthropic
import openai
from tests.api.conftest import Running


def test_only_configured_providers_are_listed(gateway: Running) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.api_key) as client:
        owners = {model.owned_by for model in client.models.list()}

    assert {"openai", "anthropic", "google", "groq", "prxy"} <= owners
    assert "mistral" not in owners


def test_one_model_tells_its_limits_and_prices(gateway: Running) -> None:
    headers = {"authorization": f"Bearer {gateway.api_key}"}

    card = gateway.http.get("/v1/models/openai/gpt-4o-mini", headers=headers).json()

    assert card["context_window"] == 128_000
    assert card["usd_per_million_tokens"]["input"] == "0.15"
    assert gateway.http.get("/v1/models/gpt-4o-mini", headers=headers).json() == card


def test_an_unknown_model_is_not_found(gateway: Running) -> None:
    reply = gateway.http.get("/v1/models/nothing", headers={"x-api-key": gateway.api_key})

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")


def test_anthropics_client_reads_the_list(gateway: Running) -> None:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.api_key) as client:
        ids = [model.id for model in client.models.list(limit=1000)]

    assert any(name.startswith("anthropic/claude-") for name in ids)


def test_a_key_sees_only_what_it_may_call(gateway: Running) -> None:
    narrow = gateway.make_key(models=["prxy/*"])

    listed = gateway.http.get("/v1/models", headers={"x-api-key": narrow}).json()["data"]
    refused = gateway.chat(
        {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}, authorization=f"Bearer {narrow}"
    )

    assert [model["id"] for model in listed] == ["prxy/echo"]
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")
