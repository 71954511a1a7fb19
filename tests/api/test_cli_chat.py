"""`prxy chat`: the answer on stdout as it comes, everything else on stderr, and one conversation that is remembered."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Running
from tests.api.terminal import at_terminal, piped, shown_at_terminal
from tests.api.upstream import Answer, Upstream

MODEL = "openai/gpt-4o-mini"
SSE = {"content-type": "text/event-stream"}


def chunk(finish: str | None = None, **delta: str) -> dict[str, Any]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def streamed(*texts: str, reasoning: str = "", finish: str = "stop") -> list[bytes]:
    events = [chunk(role="assistant"), *([chunk(reasoning_content=reasoning)] if reasoning else [])]
    events += [*(chunk(content=text) for text in texts), chunk(finish)]
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    events.append({**chunk(), "choices": [], "usage": usage})
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [b"data: [DONE]\n\n"]


def variables(gateway: Running, key: str = "") -> dict[str, str]:
    return {"PRXY_URL": gateway.url, "PRXY_API_KEY": gateway.api_key, "MY_KEY": key}


def test_a_pipe_gets_the_answer_alone_and_stderr_what_it_cost(gateway: Running, tmp_path: Path) -> None:
    done = piped("chat", "prxy/echo", "Good morning", folder=tmp_path, **variables(gateway))

    assert (done.returncode, done.stdout) == (0, "Good morning\n")
    assert re.fullmatch(r"prxy/echo · \d tokens in, \d out · \$0\.0000\d+\n", done.stderr)


def test_json_is_one_document_with_usage_and_cost(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    key = upstream.put("chat-json", Answer(body=streamed("Hel", "lo", reasoning="Hm", finish="length"), headers=SSE))
    command = ["chat", f"vllm/{MODEL.partition('/')[2]}", "Hi", "--json", "--provider-key", "MY_KEY"]

    done = piped(*command, folder=tmp_path, **variables(gateway, key))

    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (told["text"], told["reasoning"], told["finish_reason"]) == ("Hello", "Hm", "length")
    assert (told["provider"], told["model"], told["error"]) == ("vllm", "gpt-4o-mini", None)
    assert (told["usage"]["completion_tokens"], told["cost_usd"]) == (500, "unknown")


def test_options_become_fields_and_headers_of_the_call(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    key = upstream.put("chat-options", Answer(body=streamed("Hi"), headers=SSE))
    options = ["--system", "Be short", "--max-tokens", "7", "--temperature", "0.5", "--provider-key", "MY_KEY"]

    done = piped("chat", MODEL, *options, folder=tmp_path, given="From a pipe", **variables(gateway, key))

    [asked] = upstream.asked[key]
    assert done.returncode == 0, done.stderr
    assert asked.body["messages"] == [
        {"role": "system", "content": "Be short"},
        {"role": "user", "content": "From a pipe"},
    ]
    assert (asked.body["temperature"], asked.body["max_completion_tokens"], asked.body["stream"]) == (0.5, 7, True)


def test_modules_are_named_for_one_call(gateway: Running, tmp_path: Path) -> None:
    done = piped("chat", "prxy/echo", "hi", "--pipe", "exact-cach", folder=tmp_path, **variables(gateway))

    assert done.returncode == 1
    assert "exact-cache" in done.stderr


def test_the_model_is_the_one_of_the_environment_unless_it_is_named(gateway: Running, tmp_path: Path) -> None:
    named = {**variables(gateway), "PRXY_MODEL": "prxy/echo"}

    done = piped("chat", "two words", folder=tmp_path, **named)
    told = piped("chat", "--json", folder=tmp_path, given="more", **named)
    only = {**variables(gateway), "PRXY_API_KEY": gateway.make_key(models=["prxy/*"])}
    first = piped("chat", folder=tmp_path, given="more", **only)
    listed = piped("models", folder=tmp_path, **only).stdout.splitlines()
    assert done.stdout == "two words\n"
    assert json.loads(told.stdout)["asked"] == "prxy/echo"
    assert listed[0] == "prxy/echo"
    assert first.stdout == "more\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8:surrogateescape"])
@pytest.mark.parametrize(
    ("given", "prompt"), [("caf\udce9", []), ("", [b"caf\xe9"]), ("", [b"hi", b"--system", b"caf\xe9"])]
)
def test_a_prompt_that_is_not_utf8_is_a_wrong_command_line(
    gateway: Running, tmp_path: Path, encoding: str, given: str, prompt: list[bytes]
) -> None:
    named = {**variables(gateway), "PYTHONIOENCODING": encoding}

    done = piped("chat", "prxy/echo", *prompt, folder=tmp_path, given=given, **named)

    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("prxy: ")
    assert "not UTF-8" in line


def test_letters_that_stdout_has_not_are_replaced_as_the_answer_is_paid_for(gateway: Running, tmp_path: Path) -> None:
    named = {**variables(gateway), "PYTHONIOENCODING": "ascii"}

    done = piped("chat", "prxy/echo", "café", folder=tmp_path, **named)
    told = piped("chat", "prxy/echo", "café", "--json", folder=tmp_path, **named)

    assert (done.returncode, done.stdout) == (0, "caf\\xe9\n")
    assert "prxy/echo" in done.stderr
    assert json.loads(told.stdout)["text"] == "café"


def test_a_stream_that_breaks_off_is_told_and_fails(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    cut = Answer(body=streamed("Half of an ans")[:2], headers=SSE, cut=True)
    key = upstream.put("chat-cut", cut)
    command = ["chat", MODEL, "Hi", "--provider-key", "MY_KEY"]

    done = piped(*command, folder=tmp_path, **variables(gateway, key))
    told = piped(*command, "--json", folder=tmp_path, **variables(gateway, key))

    document = json.loads(told.stdout)
    assert (done.returncode, done.stdout) == (1, "Half of an ans\n")
    assert "provider_stream_interrupted" in done.stderr.splitlines()[-1]
    assert (told.returncode, document["text"]) == (1, "Half of an ans")
    assert document["error"]["code"] == "provider_stream_interrupted"


def test_reasoning_is_dim_and_nothing_moves_the_cursor(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    hostile = "Hi \x1b[2J there"
    key = upstream.put("chat-dim", Answer(body=streamed(hostile, reasoning="Let me think"), headers=SSE))
    command = ["chat", "vllm/gpt-4o-mini", "Hi", "--provider-key", "MY_KEY"]

    _, seen = shown_at_terminal(*command, folder=tmp_path, **variables(gateway, key))
    _, plain = shown_at_terminal(*command, folder=tmp_path, NO_COLOR="1", **variables(gateway, key))
    done = piped(*command, folder=tmp_path, **variables(gateway, key))

    assert "\x1b[2mLet me think\x1b[0m" in seen
    assert "\x1b[2J" not in seen
    assert "Let me think" in plain
    assert "\x1b" not in plain
    assert done.stdout == f"{hostile}\n"


def test_a_conversation_is_remembered_until_it_is_cleared(gateway: Running, upstream: Upstream, tmp_path: Path) -> None:
    answers = [Answer(body=streamed(text), headers=SSE) for text in ("Blue.", "I did.", "Nothing.")]
    key = upstream.put("chat-turns", *answers)
    command = ["chat", MODEL, "--system", "Be short", "--provider-key", "MY_KEY"]

    with at_terminal(*command, folder=tmp_path, NO_COLOR="1", **variables(gateway, key)) as terminal:
        terminal.prompted("What colour?\n")
        terminal.prompted("Say it again\n")
        terminal.prompted("/clear\n")
        terminal.prompted("/model openai/gpt-4.1-mini\n")
        terminal.prompted("What was said?\n")
        terminal.wait_for("Nothing.")
        terminal.prompted("\x04")
        status = terminal.end()

    bodies = [asked.body for asked in upstream.asked[key]]
    said = [[message["content"] for message in body["messages"]] for body in bodies]
    assert status == 0
    assert said == [
        ["Be short", "What colour?"],
        ["Be short", "What colour?", "Blue.", "Say it again"],
        ["Be short", "What was said?"],
    ]
    assert [body["model"] for body in bodies] == ["gpt-4o-mini", "gpt-4o-mini", "gpt-4.1-mini"]


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(
    gateway: Running, upstream: Upstream, tmp_path: Path
) -> None:
    never = threading.Event()
    endless = Answer(body=streamed("never said"), headers=SSE, gate=never)
    key = upstream.put("chat-stop", endless, Answer(body=streamed("Here I am."), headers=SSE))
    command = ["chat", MODEL, "--provider-key", "MY_KEY"]

    with at_terminal(*command, folder=tmp_path, NO_COLOR="1", **variables(gateway, key)) as terminal:
        terminal.prompted("Tell me everything\n")
        while not upstream.asked[key]:
            terminal.wait_for("")
        terminal.interrupt()
        terminal.wait_for("stopped.")
        terminal.prompted("Are you there?\n")
        terminal.wait_for("Here I am.")
        terminal.prompted("/exit\n")
        status = terminal.end()
    never.set()

    assert status == 0
    assert [message["content"] for message in upstream.asked[key][1].body["messages"]] == ["Are you there?"]


def test_a_refused_turn_does_not_end_a_conversation(gateway: Running, tmp_path: Path) -> None:
    with at_terminal("chat", "unheard-of", folder=tmp_path, NO_COLOR="1", **variables(gateway)) as terminal:
        terminal.prompted("Hello\n")
        terminal.wait_for("model_not_found")
        terminal.prompted("/model prxy/echo\n")
        terminal.prompted("/unknown\n")
        terminal.wait_for("/model NAME")
        terminal.prompted("Now\n")
        terminal.wait_for("prxy/echo · ")
        terminal.prompted("\x04")

        assert terminal.end() == 0
