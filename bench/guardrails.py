"""`python -m bench.guardrails`: what the guardrails take of 100 KB of text, ordinary and hostile (CPU time)."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prxy.modules.guardrails.custom import Pattern
from prxy.modules.guardrails.incoming import Incoming
from prxy.modules.guardrails.json_text import scanned_json
from prxy.modules.guardrails.kinds import Kind
from prxy.modules.guardrails.profanity import Profanity
from prxy.modules.guardrails.rules import Rule, Rules, rule_of
from prxy.modules.guardrails.scanning import Scanner, scanned

_SIZE = 100_000
_ROUNDS = 7
_CHUNK = 5
"""Characters of a streamed delta: about a token."""
_SENTENCES = (
    "The model reads its instructions, and then it answers with what it found about the rivers of the north.",
    "In 2024 about sixteen of them were measured (see page 12); nobody had asked for more than 3 examples.",
    "The table has 1,024 rows, of which 7.5 % are empty: a risk-free, task-based way to begin at 10:30 on 4 May.",
    'def total(rows): return sum(row["price"] * 1.19 for row in rows if row["count"] > 0)  # net, in EUR',
)


def _prose() -> str:
    rng = random.Random(1)
    return " ".join(rng.choice(_SENTENCES) for _ in range(_SIZE // 90))[:_SIZE]


def _letter() -> str:
    """Prose with personal data in every twentieth line."""
    rng, found = random.Random(2), ["bob@example.com", "415-555-2671", "4111 1111 1111 1111", "192.168.1.20"]
    lines = (rng.choice(_SENTENCES) for _ in range(_SIZE // 90))
    return "\n".join(f"{line} {rng.choice(found)}" if number % 20 == 0 else line for number, line in enumerate(lines))[
        :_SIZE
    ]


def _cards(*, groups: bool) -> str:
    rng = random.Random(3)
    made = (f"{rng.randint(2000, 6999)}" for _ in range(_SIZE // 4))
    return (" " if groups else "").join(made)[:_SIZE]


def _filled(unit: str) -> str:
    return (unit * (_SIZE // len(unit) + 1))[:_SIZE]


ORDINARY: Mapping[str, str] = {"prose": _prose(), "prose with personal data": _letter()}
HOSTILE: Mapping[str, str] = {
    "a.a.a.": _filled("a."),
    "aaaa": _filled("a"),
    "@@@@": _filled("@"),
    "a@a@": _filled("a@"),
    "a@a.a@a.a": _filled("a@a.a"),
    "a@b.co a@b.co": _filled("a@b.co "),
    "4444 4444": _filled("4444 "),
    "random groups of four digits": _cards(groups=True),
    "random digits": _cards(groups=False),
    "4 4 4 4": _filled("4 "),
    "44 44 44": _filled("44 "),
    "4-4-4-4": _filled("4-"),
    "123-45-": _filled("123-45-"),
    "+1+1+1": _filled("+1"),
    "(415) (415)": _filled("(415) "),
    "+44 20 7946 ": _filled("+44 20 7946 "),
    "1.1.1.1.": _filled("1.1.1.1."),
    "1.1.1.1 1.1.1.1": _filled("1.1.1.1 "),
    "::::": _filled(":"),
    "a:a:a:": _filled("a:"),
    "2001:db8::1 ": _filled("2001:db8::1 "),
    "DE89DE89": _filled("DE89"),
    "DE89 3704 ": _filled("DE89 3704 0044 0532 "),
    "CAPITALS": _filled("AB CD "),
    "sk-sk-sk-": _filled("sk-"),
    "sk-aaaa…": "sk-" + _filled("a"),
    " sk-ab-cd": _filled(" sk-ab-cd-ef-gh-ij-kl-mn"),
    "-----BEGIN ": _filled("-----BEGIN "),
    "-----BEGIN PRIVATE KEY-----": _filled("-----BEGIN PRIVATE KEY-----"),
    "one private key without end": "-----BEGIN PRIVATE KEY-----" + _filled("A"),
    "-----": _filled("-"),
    "spaces": _filled(" "),
    "shit shit": _filled("shiit "),
    "4444 4444 with wide spaces": _filled("4444\u2003"),
}
PATTERNS: Sequence[str] = (
    r"(a+)+$", r"(a|a)*b", r"(.*)*x", r"project-\w+", r"\b(secret|confidential)\b", r"(\w+\s?)+!", r"a.*a.*a.*b",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Guard:
    name: str
    rules: Rules


def _guards() -> Iterator[_Guard]:
    kinds = tuple(rule_of(kind) for kind in Kind)
    profanity = Rule(label="PROFANITY", described="", code="", detectors=(Profanity(),))
    custom = tuple(
        Rule(label=f"C{number}", described="", code="", detectors=(Pattern(pattern),), is_exact=True)
        for number, pattern in enumerate(PATTERNS)
    )
    yield _Guard("all kinds, profanity", Rules(replacing=(*kinds, profanity)))
    yield _Guard(f"and {len(custom)} patterns", Rules(replacing=(*kinds, profanity, *custom)))


def _best_ms(work: Callable[[], object], rounds: int = _ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times) * 1e3


def _streamed(rules: Rules, text: str) -> None:
    scanner = Scanner(Incoming(rules, None))
    for at in range(0, len(text), _CHUNK):
        for _ in scanner.feed(text[at : at + _CHUNK]):
            pass
    for _ in scanner.finish():
        pass


def _arguments(text: str) -> str:
    return json.dumps({"rows": [text[at : at + 60] for at in range(0, len(text), 60)]})


def _row(text: str, plain: Rules, custom: Rules) -> list[float]:
    arguments = _arguments(text)
    return [
        _best_ms(lambda: scanned(Incoming(plain, None), text)),
        _best_ms(lambda: scanned(Incoming(custom, None), text)),
        _best_ms(lambda: scanned_json(Incoming(plain, None), arguments), 3),
        _best_ms(lambda: _streamed(plain, text), 1),
    ]


def main() -> None:
    argparse.ArgumentParser(prog="python -m bench.guardrails", description=__doc__).parse_args()
    first, second = _guards()
    print("| CPU time of 100 KB of |", " | ".join([first.name, second.name, "as JSON", "streamed"]), "|")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, text in {**ORDINARY, **HOSTILE}.items():
        cells = _row(text, first.rules, second.rules)
        print(f"| {name} |", " | ".join(f"{cell:.1f} ms" for cell in cells), "|", flush=True)


if __name__ == "__main__":
    main()
