"""The two files, as far as they can be read at all. What cannot be is told without a word of what stands in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml


class UnreadableError(Exception):
    """One line for the operator."""


def read_config(path: Path) -> dict[str, Any]:
    """A configuration: a mapping without anchors, aliases and tags, as these grow without bound. Raises
    UnreadableError, and RecursionError for what is nested too deeply."""
    text = _text(path)
    try:
        for token in yaml.scan(text, yaml.SafeLoader):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
                where = f"{path}: {_place(token.start_mark)}"
                raise UnreadableError(f"{where}: anchors, aliases and tags are not read; write the value out.")
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(f"{path} is no YAML: {_place(error.problem_mark)}.") from None
    except (yaml.YAMLError, ValueError):
        raise UnreadableError(f"{path} is no YAML: it holds a character or a value that YAML has not.") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"{path} is no configuration of LiteLLM: it has no settings by name.")
    return found


def read_keys(path: Path) -> list[Any]:
    """What `GET /key/list` answered. Raises as `read_config` does."""
    try:
        found = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise UnreadableError(f"{path} is no JSON: line {error.lineno}, column {error.colno}.") from None
    match found:
        case [*keys] | {"keys": [*keys]}:
            return keys
        case _:
            raise UnreadableError(f"{path} is no list of keys.")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is not UTF-8: byte {error.start + 1}.") from None


def _place(mark: yaml.Mark | None) -> str:
    return "somewhere" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
