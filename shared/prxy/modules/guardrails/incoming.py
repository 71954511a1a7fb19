"""What a client sends, rewritten: every text in it, wherever it stands, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct, structs

from prxy.canonical.errors import GuardrailBlocked
from prxy.canonical.parts import Extras, Json
from prxy.modules.guardrails.json_text import scanned_json
from prxy.modules.guardrails.neighbours import shared_matches, without_meetings
from prxy.modules.guardrails.placeholders import PLACEHOLDER, Numbered, Redacted
from prxy.modules.guardrails.reading import Reading
from prxy.modules.guardrails.rules import Rule, Rules
from prxy.modules.guardrails.scanning import Search, matches, refuse_matches, scanned, searches

_NOT_TEXT = frozenset("type id signature authorization authorization_token".split())
_ENCRYPTED = "encrypted_"
_SHORTEST_NUMBER = 10**8

Changed = TypeVar("Changed", bound=Struct)
Item = TypeVar("Item")


class TextGuard(Protocol):
    """What becomes of one text, in whatever form it comes."""

    def text(self, text: str) -> str: ...
    def json(self, text: str) -> str: ...
    def name(self, text: str) -> None:
        """Look at the name of a field, which stays as it is: two that became the same would be one."""
        ...


class Incoming:
    """The rules on the way in. `place` says which text comes next, as a path in the client's body."""

    def __init__(self, rules: Rules, numbered: Numbered | None) -> None:
        """`numbered` is what remembers what comes back in the answer; None: nothing does."""
        self.place = ""
        self.counts: Counter[str] = Counter()
        """Matches of the rules that only count, by their label."""
        self.texts: list[str] = []
        """All texts, arguments of tools too, as they go on."""
        self._joined = 0
        """How many of them stand before those that were not yet read together."""
        self.blocking = searches(rules.blocking)
        self.replacing = searches((*rules.replacing, PLACEHOLDER) if numbered else rules.replacing)
        self.rewrites_signed = numbered is not None
        """Whether a signed text is rewritten: it becomes what was signed: the client got it restored."""
        self._counting = searches(rules.counting)
        self._placeholders = numbered or Redacted()

    def refuse(self, rule: Rule) -> GuardrailBlocked:
        return GuardrailBlocked(
            f"'{self.place}' holds {rule.described}, which this pipeline does not let through; take it out.",
            code=rule.code,
            param=self.place,
        )

    def replace(self, rule: Rule, found: str) -> str:
        return self._placeholders.put(rule, found)

    def original(self, text: str) -> str:
        return self._placeholders.original(text)

    def text(self, text: str) -> str:
        self._count(text)
        return self._told(scanned(self, text))

    def json(self, text: str) -> str:
        self._count(text)
        return self._told(scanned_json(self, text))

    def name(self, text: str) -> None:
        self._count(text)
        refuse_matches(self, Reading(text), 0, len(text))

    def together(self, texts: Sequence[str]) -> Sequence[str]:
        """What becomes of texts that went on one by one, and are read one behind the other; asked in that order."""
        self.counts.update(each.rule.label for each in shared_matches(self._counting, texts) if each.is_meeting)
        told = without_meetings(self, texts)
        for old, new in zip(texts, told, strict=True):
            if old:
                at = self.texts.index(old, self._joined)
                self.texts[at], self._joined = new, at + 1
        return told

    def _told(self, text: str) -> str:
        if text:
            self.texts.append(text)
        return text

    def _count(self, text: str) -> None:
        if self._counting:
            self.counts.update(counted(self._counting, text))


class Unrewritten:
    """The same rules for a text that must stay as it is: it may be refused, and is counted."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def text(self, text: str) -> str:
        self._incoming.text(text)
        return text

    def json(self, text: str) -> str:
        self._incoming.json(text)
        return text

    def name(self, text: str) -> None:
        self._incoming.name(text)


def counted(wanted: Sequence[Search], text: str) -> Counter[str]:
    return Counter(rule.label for _, rule in matches(wanted, Reading(text), 0, len(text)))


def with_changes(value: Changed, /, **fields: Any) -> Changed:
    """The very same value where no field changes."""
    changed = {name: new for name, new in fields.items() if new is not getattr(value, name)}
    return structs.replace(value, **changed) if changed else value


def each(items: tuple[Item, ...], guarded: Callable[[Item], Item]) -> tuple[Item, ...]:
    """The very same tuple where nothing in it changes."""
    new = tuple([guarded(item) for item in items])
    return items if all(one is other for one, other in zip(items, new, strict=True)) else new


def is_no_text(name: str, value: Json) -> bool:
    """Whether a field of a block holds a name, an id, a credential, or what is encrypted."""
    return isinstance(value, str) and (name in _NOT_TEXT or name.startswith(_ENCRYPTED))


def is_no_text_of_tool(name: str, value: Json) -> bool:
    """The same for a tool of the provider, which may bring the headers of another server's requests."""
    return is_no_text(name, value) or (name == "headers" and isinstance(value, Mapping))


def nowhere(name: str, value: Json) -> bool:
    """Where every name is the client's own."""
    return False


def guarded_value(value: Json, guard: TextGuard, spares: Callable[[str, Json], bool] = is_no_text) -> Json:
    """Decoded JSON: the strings in it but for the fields that are spared, and numbers long enough for a card."""
    match value:
        case str():
            return guard.text(value)
        case dict() | Mapping():
            return _guarded_object(value, guard, spares)
        case list():
            new = [guarded_value(inner, guard, spares) for inner in value]
            return value if all(one is other for one, other in zip(value, new, strict=True)) else new
        case int() | float() if abs(value) >= _SHORTEST_NUMBER and value % 1 == 0:
            number = str(abs(int(value)))
            told = guard.text(number)
            return value if told == number else told
        case _:
            return value


def _guarded_object(
    value: Mapping[str, Json], guard: TextGuard, spares: Callable[[str, Json], bool]
) -> Mapping[str, Json]:
    for name in value:
        guard.name(name)
    new = {name: inner if spares(name, inner) else guarded_value(inner, guard, spares) for name, inner in value.items()}
    return value if all(value[name] is inner for name, inner in new.items()) else new


def guarded_extras(extras: Extras | None, guard: TextGuard) -> Extras | None:
    return with_changes(extras, fields=guarded_value(extras.fields, guard)) if extras else extras
