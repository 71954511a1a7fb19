"""From LiteLLM: the page as printed, and what the importer makes of a configuration, part by part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.import_litellm import main, plan_of, render
from scripts.litellm_config.plan import Plan
from tests.api.conftest import Running, provider_variables, start_gateway
from tests.api.upstream import Answer, Upstream
from tests.clients.scripted import openai_text, openai_whole
from tests.guides.shells import shell, whereabouts
from tests.pages import ROOT, blocks

PAGE = "docs/migration/litellm.md"
BUSY = Answer(status=529, body=b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}')
(CONFIG,) = blocks(PAGE, "Before", "yaml")
(KEYS,) = blocks(PAGE, "Before", "json")
(PRINTED,) = blocks(PAGE, "After", "text")
OF_THE_OPERATOR = {"OPENAI_API_KEY": "litellm-openai", "ANTHROPIC_API_KEY": "litellm-anthropic"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone of the project, as far as the page's command needs one, with LiteLLM's two files."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "keys.json").write_text(KEYS)
    for name in (".venv", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def gateway(upstream: Upstream, folder: Path) -> Iterator[Running]:
    """Started with what the importer printed, but for the addresses of the providers."""
    exports, _ = PRINTED.split("\n# Calls")
    told = json.loads(
        shell(f"{exports}\npython -c 'import json, os; print(json.dumps(dict(os.environ)))'", folder, OF_THE_OPERATOR)
    )
    named = {name: told[name] for name in re.findall(r"^export (\w+)=", exports, re.MULTILINE)}
    yield from start_gateway({**provider_variables(upstream.url), **named}, folder)


def test_the_command_prints_what_the_page_says(folder: Path) -> None:
    (command, _) = blocks(PAGE, "After", "sh")

    assert shell(command, folder, {}, status=1) == PRINTED


def test_the_printed_calls_make_a_key_whose_client_falls_back_as_before(
    gateway: Running, upstream: Upstream, folder: Path
) -> None:
    (_, client) = blocks(PAGE, "After", "sh")
    upstream.put("litellm-anthropic", BUSY)
    upstream.put("litellm-openai", openai_whole(openai_text("Good day.")))

    made = json.loads(shell("# Calls" + PRINTED.split("\n# Calls")[1], folder, whereabouts(gateway)))
    answer = json.loads(shell(client, folder, {**whereabouts(gateway), "PRXY_KEY": made["key"]}))

    assert answer["choices"][0]["message"]["content"] == "Good day."
    assert (made["tenant"], made["limits"]["requests_per_minute"]) == ("support-team", 60)
    assert float(made["limits"]["per_day_usd"]) == 5.0


def deployment(name: str, model: str, **params: object) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, **params}}


@pytest.mark.parametrize(
    ("model", "there"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("gpt-4o", "openai/gpt-4o"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("gemini/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("together_ai/meta/llama", "together/meta/llama"),
        ("bedrock/converse/us.anthropic.claude-x", "bedrock/us.anthropic.claude-x"),
        ("hosted_vllm/mistral", "vllm/mistral"),
    ],
)
def test_a_model_keeps_its_provider(model: str, there: str) -> None:
    plan = plan_of({"model_list": [deployment("mine", model)]})

    assert plan.renamed == {"mine": there}
    assert plan.lost == {}


@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-4o"])
def test_a_name_that_leads_to_the_same_model_needs_no_change(name: str) -> None:
    assert plan_of({"model_list": [deployment(name, "openai/gpt-4o")]}) == Plan()


@pytest.mark.parametrize(
    "model",
    [
        "vertex_ai/gemini-2.5-pro",
        "gemini-2.5-pro",
        "cohere/command",
        "openai/text-embedding-3-small",
        "bedrock/us-west-2/anthropic.claude-x",
        "bedrock/arn:aws:bedrock:us-west-2:1:application-inference-profile/x",
    ],
)
def test_a_model_that_nobody_serves_here_is_named(model: str) -> None:
    plan = plan_of({"model_list": [deployment("mine", model)]})

    assert list(plan.lost) == ["model_list[0]"]
    assert model in plan.lost["model_list[0]"] or "embedding" in plan.lost["model_list[0]"]


def test_an_address_of_its_own_is_a_provider_of_its_own() -> None:
    entries = [
        deployment("a", "openai/llama", api_base="https://one.example.com/v1/", api_key="os.environ/ONE"),
        deployment("b", "openai/qwen", api_base="https://one.example.com/v1", api_key="os.environ/ONE"),
        deployment("c", "openai/phi", api_base="os.environ/TWO_URL", api_key="sk-written-out"),
    ]

    plan = plan_of({"model_list": entries})

    assert plan.env["PRXY_PROVIDERS"] == 'openai_1=https://one.example.com/v1,openai_2="${TWO_URL:?}"'
    assert plan.env["OPENAI_1_API_KEY"] == '"${ONE:?}"'
    assert plan.renamed == {"a": "openai_1/llama", "b": "openai_1/qwen", "c": "openai_2/phi"}
    assert plan.lost == {}
    assert "sk-written-out" not in render(plan)


def test_a_second_key_of_one_provider_is_named() -> None:
    entries = [
        deployment("a", "openai/gpt-4o", api_key="os.environ/A"),
        deployment("a", "openai/gpt-4o", api_key="os.environ/B"),
    ]

    plan = plan_of({"model_list": entries})

    assert plan.env == {"OPENAI_API_KEY": '"${A:?}"'}
    assert list(plan.lost) == ["model_list[1].litellm_params.api_key"]


def test_azure_is_asked_at_its_resource() -> None:
    azure = deployment("gpt", "azure/mine", api_base="https://x.openai.azure.com/", api_version="2024-05-01")

    plan = plan_of({"model_list": [azure]})

    assert plan.env == {"AZURE_BASE_URL": "https://x.openai.azure.com/openai/v1"}
    assert list(plan.lost) == ["model_list[0].litellm_params.api_version"]


@pytest.mark.parametrize(
    ("strategy", "router"),
    [
        ("simple-shuffle", {"strategy": "weighted", "weights": {"openai/gpt-4o": 3.0, "azure/mine": 1.0}}),
        ("latency-based-routing", {"strategy": "latency"}),
        ("cost-based-routing", {"strategy": "cheapest-first"}),
    ],
)
def test_deployments_of_one_name_share_it_through_the_router(strategy: str, router: dict[str, object]) -> None:
    entries = [deployment("gpt", "openai/gpt-4o", weight=3), deployment("gpt", "azure/mine")]

    plan = plan_of({"model_list": entries, "router_settings": {"routing_strategy": strategy}})

    ((method, path, body),) = plan.calls
    assert (method, path, body["models"]) == ("POST", "/v1/keys", ["openai/gpt-4o", "azure/mine"])
    assert body["pipeline"] == [{"router": {**router, "fallback_chain": ["openai/gpt-4o", "azure/mine"]}}]


def test_a_fallback_that_leads_nowhere_is_named() -> None:
    config = {
        "model_list": [deployment("gpt-4o", "openai/gpt-4o")],
        "litellm_settings": {
            "fallbacks": [{"gpt-4o": ["claude-sonnet-4-5", "nobody", {"model": "x"}]}, {"gone": ["gpt-4o"]}]
        },
    }

    plan = plan_of(config)

    assert plan.calls[0][2]["models"] == ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"]
    assert len(plan.lost) == 3


@pytest.mark.parametrize(
    ("params", "step"),
    [
        ({}, {"exact-cache": {}}),
        ({"type": "s3", "ttl": 60}, {"exact-cache": {"ttlSeconds": 60}}),
        ({"type": "qdrant-semantic", "similarity_threshold": 0.9}, {"semantic-cache": {"similarity": 0.9}}),
    ],
)
def test_a_cache_is_a_module(params: dict[str, object], step: dict[str, object]) -> None:
    plan = plan_of({"litellm_settings": {"cache": True, "cache_params": params}})

    assert plan.env == {"PRXY_PIPE": f"'[{json.dumps(step)}]'"}
    assert plan.lost == {}


@pytest.mark.parametrize(("duration", "limit"), [("24h", "per_day_usd"), ("1mo", "per_month_usd")])
def test_the_proxys_budget_is_that_of_the_tenant(duration: str, limit: str) -> None:
    plan = plan_of({"litellm_settings": {"max_budget": 0.1, "budget_duration": duration}})

    assert plan.calls == [("PUT", "/v1/tenants/default", {"mode": "hard_fail", "limits": {limit: "0.1"}})]
    assert plan.lost == {}


@pytest.mark.parametrize("around", [{}, {"budget_duration": "7d"}])
def test_a_budget_of_another_period_is_named(around: dict[str, object]) -> None:
    plan = plan_of({"litellm_settings": {"max_budget": 10, **around}})

    assert plan.calls == []
    assert set(plan.lost) == {f"litellm_settings.{name}" for name in ("max_budget", *around)}


def test_a_key_keeps_its_limits_its_models_and_its_end() -> None:
    key = {
        "token": "88dc28",
        "key_alias": "night",
        "models": ["sonnet", "nobody"],
        "max_budget": 20.0,
        "budget_duration": "30d",
        "max_parallel_requests": 4,
        "expires": "2026-12-01T00:00:00Z",
        "metadata": {"owner": "search", "tags": ["a"]},
        "tpm_limit": 1000,
        "spend": 3.5,
    }

    plan = plan_of({"model_list": [deployment("sonnet", "anthropic/claude-sonnet-4-5")]}, [key])

    body = {
        "name": "night",
        "limits": {"per_month_usd": "20.0", "concurrency": 4},
        "expires_at": 1796083200,
        "metadata": {"owner": "search"},
        "models": ["anthropic/claude-sonnet-4-5"],
    }
    assert plan.calls == [("POST", "/v1/keys", body)]
    assert set(plan.lost) == {"keys[0].models: nobody", "keys[0].metadata.tags[0]", "keys[0].tpm_limit"}


def test_a_key_none_of_whose_models_is_here_is_not_made() -> None:
    plan = plan_of({}, [{"key_alias": "night", "models": ["nobody"]}])

    assert plan.calls == []
    assert set(plan.lost) == {"keys[0]", "keys[0].models: nobody"}


def test_a_blocked_key_is_not_made() -> None:
    plan = plan_of({}, [{"key_alias": "night", "blocked": True, "models": []}])

    assert (plan.calls, list(plan.lost)) == ([], ["keys[0]"])


def test_a_key_of_all_models_may_call_all() -> None:
    plan = plan_of({}, [{"key_alias": "night", "models": ["all-proxy-models"]}])

    assert plan.calls == [("POST", "/v1/keys", {"name": "night"})]


@pytest.mark.parametrize("section", ["model_list", "litellm_settings", "router_settings", "general_settings"])
def test_an_empty_section_is_nothing(section: str) -> None:
    assert plan_of({section: None}) == Plan()


NAMES = st.text("abcxyz019", min_size=1, max_size=6)
SETTINGS = st.recursive(
    st.integers(1, 9) | NAMES,
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(NAMES, inner, min_size=1),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(NAMES.map(lambda name: f"x{name}"), SETTINGS, min_size=1))
def test_whatever_is_not_understood_is_named(unknown: dict[str, Any]) -> None:
    plan = plan_of({"litellm_settings": unknown})

    named = {re.split(r"[.\[]", path)[1] for path in plan.lost}
    assert named == set(unknown)


@pytest.mark.parametrize(
    "base",
    [
        "https://u:S3CRET@h/v1",
        "https://h/v1?key=S3CRET",
        "https://h/v1#S3CRET",
        "https://S3CRET,h",
        "https://S3CRET\0",
        5,
    ],
)
@pytest.mark.parametrize("setting", ["api_base", "base_url"])
@pytest.mark.parametrize("model", ["openai/llama", "azure/mine", "anthropic/claude-x"])
def test_a_model_whose_address_may_hold_a_secret_is_named_without_it(model: str, setting: str, base: object) -> None:
    plan = plan_of({"model_list": [deployment("mine", model, **{setting: base})]})

    assert list(plan.lost) == [f"model_list[0].litellm_params.{setting}", "model_list[0]"]
    assert (plan.env, plan.renamed) == ({}, {})
    assert "S3CRET" not in render(plan)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('general_settings:\n  master_key: "sk-S3CRET\nmodel_list: []\n', "line 4, column 1"),
        ("general_settings: {master_key: !S3CRET x}", "line 1, column 32"),
        (LAUGHS, "line 1, column 5: anchors"),
        ("a: &a [*a]", "line 1, column 4: anchors"),
        ("[" * 5000, "nested"),
        ("", "no settings"),
        ("- S3CRET", "no settings"),
        ("a: \x1bS3CRET", "no YAML"),
        ("a: 2026-13-45", "no YAML"),
        ("a: S3CRET\udce9", "not UTF-8: byte 10"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_without_its_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text, "utf-8", "surrogateescape")

    status = main([str(config)])

    printed = capsys.readouterr()
    [line] = printed.err.splitlines()
    assert (status, printed.out) == (2, "")
    assert words in line
    assert "S3CRET" not in line


@pytest.mark.parametrize("text", ['["S3CRET', "5", '{"keys": "S3CRET"}', "[" * 100_000, "[" * 700 + "]" * 700])
def test_keys_that_cannot_be_read_are_one_line_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "config.yaml").write_text("model_list: []")
    (tmp_path / "keys.json").write_text(text)

    statuses = [main([str(tmp_path / "config.yaml"), "--keys", str(tmp_path / name)]) for name in ("keys.json", "none")]

    lines = capsys.readouterr().err.splitlines()
    assert (statuses, len(lines)) == ([2, 2], 2)
    assert "S3CRET" not in lines[0]


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        *(("litellm_settings", "max_budget", value) for value in ("abc", float("nan"), float("inf"), -1, [1], True)),
        ("litellm_settings", "request_timeout", float("nan")),
        ("router_settings", "routing_strategy", ["x"]),
        ("router_settings", "model_group_alias", "x"),
        ("router_settings", "fallbacks", 5),
        ("litellm_settings", "fallbacks", ["x"]),
        ("litellm_settings", "fallbacks", [{"x": 5}]),
    ],
)
def test_a_value_of_another_kind_is_named(section: str, setting: str, value: object) -> None:
    plan = plan_of({section: {setting: value, "budget_duration": "1d"}})

    assert plan.calls == []
    assert {path for path in plan.lost if path.startswith(f"{section}.{setting}")}


@pytest.mark.parametrize("listed", [5, "x", {"a": 5}, [5], ["x"], [{"litellm_params": 5}], [deployment("a", [])]])
def test_a_model_list_of_another_kind_is_named(listed: object) -> None:
    assert all(path.startswith("model_list") for path in plan_of({"model_list": listed}).lost)
    assert plan_of({"model_list": listed}).lost


@pytest.mark.parametrize("key", [5, {"models": 5}, {"models": [["x"]]}, {"expires": "soon"}, {"expires": 5}])
def test_a_key_that_cannot_be_held_to_its_limits_is_not_made(key: object) -> None:
    plan = plan_of({}, [key])

    assert plan.calls == []
    assert "keys[0]" in plan.lost


def test_control_characters_of_a_name_are_shown_escaped() -> None:
    shown = render(plan_of({"model_list": [deployment("a\x1b[2J\0é", "openai/gpt-4o")]}))

    assert "#   a\\x1b[2J\\x00é -> openai/gpt-4o" in shown.splitlines()


def test_a_name_cannot_leave_its_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "mine\ntouch owned; $(touch owned) `touch owned` ' \" #"
    config = tmp_path / "config.yaml"
    entries = [
        deployment(hostile, "openai/gpt-4o", api_key="os.environ/X:-$(touch owned)"),
        deployment(hostile, "azure/x", api_base="https://x'; touch owned; '"),
        deployment("b", "openai/y", api_base="os.environ/A}$(touch owned)"),
    ]
    config.write_text(yaml.safe_dump({"model_list": entries, hostile: 1}))

    main([str(config)])
    script = capsys.readouterr().out.replace("curl ", "printf '%s' ")
    variables = {"OPENAI_API_KEY": "x", "OPENAI_1_API_KEY": "x", "PRXY_URL": "x", "PRXY_ADMIN_KEY": "x"}
    shell(script, tmp_path, variables)

    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
