"""`prxy chat`: talk to a model through the gateway."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import click

from prxy.cli.asking import complete_models
from prxy.cli.chat_stream import Answer
from prxy.cli.chat_turns import Conversation, Silence, Voice
from prxy.cli.client import Refused, not_utf8
from prxy.cli.options import Server, key_server
from prxy.cli.showing import as_json, is_fancy
from prxy.settings import environment

COMMANDS = "/model NAME asks another model, /clear forgets what was said, /exit leaves."


@click.command(
    epilog="In a conversation Ctrl-C stops an answer and Ctrl-D leaves. " + COMMANDS,
)
@key_server
@click.argument("model", required=False, envvar="PRXY_MODEL", shell_complete=complete_models)
@click.argument("prompt", required=False)
@click.option("--system", help="What the model is told before everything else.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Most tokens of an answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 to 2; as the model has it unless named.")
@click.option("--pipe", help="Modules of these calls, as in x-prxy-pipe.")
@click.option("--provider-key", metavar="VARIABLE", help="Environment variable that holds a provider key of your own.")
@click.option("--json", "wants_json", is_flag=True, help="One JSON document at the end, in place of text.")
def chat(server: Server, model: str | None, prompt: str | None, *, wants_json: bool, **given: Any) -> None:
    """Ask a model, and print its answer as it comes; without a PROMPT, hold a conversation.

    MODEL is PRXY_MODEL where it is not named, else the first that the gateway lists. A single argument with a space
    in it is a PROMPT. Where stdin is no terminal, the PROMPT is read from it. The answer goes to stdout; reasoning,
    and a line with provider, model, tokens and cost, to stderr.
    """
    model, prompt = _sorted_out(model, prompt)
    asked = prompt if prompt is not None or sys.stdin.isatty() else _piped()
    if wants_json and asked is None:
        raise click.UsageError("--json needs a PROMPT, or one on stdin.")
    if asked is not None and not asked.strip():
        raise click.UsageError("The prompt is empty; give PROMPT, or a text on stdin.")
    talk = _conversation(server, model or _first_model(server), given)
    if asked is None:
        _converse(talk)
    elif wants_json:
        talk.voice = Silence()
        answer = talk.ask(asked)
        click.echo(as_json(_document(talk.model, answer)))
        _fail_unless_whole(answer)
    else:
        _fail_unless_whole(talk.ask(asked))


def _piped() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise not_utf8() from error


def _sorted_out(model: str | None, prompt: str | None) -> tuple[str | None, str | None]:
    """No name of a model has a space in it."""
    if model and prompt is None and any(map(str.isspace, model)):
        return environment().get("PRXY_MODEL"), model
    return model, prompt


def _first_model(server: Server) -> str:
    offered = server.ask("GET", "/v1/models")["data"]
    if not offered:
        raise click.ClickException("The gateway offers no model to this key: name MODEL, or set a provider's key.")
    return str(offered[0]["id"])


def _conversation(server: Server, model: str, given: dict[str, Any]) -> Conversation:
    options = {"max_completion_tokens": given["max_tokens"], "temperature": given["temperature"]}
    headers = {"x-prxy-pipe": given["pipe"], "x-provider-key": _provider_key(given["provider_key"])}
    return Conversation(
        server=server,
        model=model,
        system=given["system"],
        options={name: value for name, value in options.items() if value is not None},
        headers={name: value for name, value in headers.items() if value is not None},
        voice=Voice(),
    )


def _provider_key(variable: str | None) -> str | None:
    if variable is None:
        return None
    found = environment().get(variable, "").strip()
    if not found:  # what was given may be the key itself, so it is not repeated
        raise click.UsageError("--provider-key takes the name of an environment variable, and that one holds nothing.")
    return found


def _document(model: str, answer: Answer) -> dict[str, Any]:
    told = answer.told
    return {
        "asked": model,
        "provider": told.get("provider"),
        "model": told.get("model"),
        "text": answer.text,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "usage": answer.usage,
        "cost_usd": told.get("cost_usd"),
        "error": answer.fault(),
    }


def _fail_unless_whole(answer: Answer) -> None:
    fault = answer.fault()
    if fault is not None:
        raise Refused(200, {"error": fault})


def _converse(talk: Conversation) -> None:
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415  # its import alone gives `input` a history and editing
    click.secho(f"Talking to {talk.model}. {COMMANDS}", dim=True, err=True, color=is_fancy(sys.stderr))
    while (line := _next_line()) is not None:
        match line.split():
            case []:
                continue
            case ["/exit"]:
                return
            case ["/clear"]:
                talk.turns = []
            case ["/model", name]:
                talk.model = name
            case [word, *_] if word.startswith("/"):
                click.echo(COMMANDS, err=True)
            case _:
                _turn(talk, line)


def _next_line() -> str | None:
    """None at the end. Ctrl-C throws away what was typed."""
    while True:
        try:
            return input("> ")
        except KeyboardInterrupt:
            click.echo()
        except UnicodeDecodeError:
            click.echo(f"prxy: {not_utf8().format_message()}", err=True)
        except EOFError:
            click.echo()
            return None


def _turn(talk: Conversation, prompt: str) -> None:
    """What goes wrong is told, and the conversation goes on."""
    try:
        _fail_unless_whole(talk.ask(prompt))
    except click.ClickException as error:
        click.echo(f"prxy: {error.format_message()}", err=True)
    except KeyboardInterrupt:
        click.echo("\nstopped.", err=True)
