"""Claude on Bedrock, asked by clients of Anthropic's own wire."""

from __future__ import annotations

from typing import Any

import pytest

from prxy.canonical.errors import UnsupportedFeature
from prxy.formats import anthropic_messages as client
from prxy.formats import bedrock_converse as provider

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TOOL = {"name": "look", "input_schema": {"type": "object"}}


def asked(*messages: Any, **more: Any) -> Any:
    question = {"role": "user", "content": "What colour?"}
    body = {"model": MODEL, "max_tokens": 4096, "messages": [question, *messages], "tools": [TOOL], **more}
    return client.parse_request(body, {})


def test_a_tool_that_is_to_be_found_later_is_offered_at_once_and_the_client_is_told() -> None:
    """A34."""
    later = {**TOOL, "defer_loading": True}

    rendered = provider.render_request(asked(tools=[later]))

    assert rendered.body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "look"
    assert [loss.field for loss in rendered.losses] == ["tools[0].defer_loading"]


def test_the_finding_of_tools_itself_is_refused() -> None:
    """A34: neither the search nor what it found has a word on this wire."""
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    found = [{"type": "tool_reference", "tool_name": "look"}]
    call = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
    answered = {"type": "tool_result", "tool_use_id": "toolu_1", "content": found}

    with pytest.raises(UnsupportedFeature, match=r"tools\[0\]"):
        provider.render_request(asked(tools=[search, TOOL]))
    with pytest.raises(UnsupportedFeature, match=r"messages\[2\]"):
        provider.render_request(
            asked({"role": "assistant", "content": [call]}, {"role": "user", "content": [answered]})
        )
