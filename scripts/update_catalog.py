"""Build shared/prxy/catalog.json from the price lists of the `genai-prices` package and the overlay beside this file.

    .venv/bin/python scripts/update_catalog.py [--check]

Prices are integers in pico-USD (10^-12) per token: a list price of $1 per million tokens is 1,000,000, so that every
vendor's list price is exact. Only averages that OpenRouter computes have more digits; they are rounded up.
`--check` writes nothing and fails where the file would change.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "shared" / "prxy" / "catalog.json"
OVERLAY = Path(__file__).with_name("catalog_overlay.json")

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "bedrock": "aws",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "openrouter": "openrouter",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
    "perplexity": "perplexity",
    "azure": "azure",
}
"""Ours -> the package's."""
FALLBACKS = {"azure": ["openai", "deepseek", "x-ai"]}
"""Whose list to read on where a provider resells the models of another at their list price."""
DEMO: dict[str, Any] = {"echo": {"prices": [[0, 1_000_000, 2_000_000, 1_000_000, 1_000_000, 1_000_000]]}}
"""`prxy/echo`: $1 and $2 per million tokens of input and output."""

WRITE, WRITE_1H, KINDS = 4, 5, 6
"""Places in a row; from KINDS on sound and pictures."""
LONGEST = 1_000_000
"""A model with prices for long prompts takes them at least behind a flag, whatever window its list names."""

TIERS = ("service_tier", "speed")
"""Price variants that a request can ask for; batch and the like are other services."""


def main() -> int:
    text = render(build())
    if "--check" in sys.argv:
        return int(OUTPUT.read_text() != text)
    OUTPUT.write_text(text)
    print(f"{OUTPUT.relative_to(ROOT)}: {len(text):,} bytes")
    return 0


def build() -> dict[str, Any]:
    overlay = json.loads(OVERLAY.read_text())
    lists = {provider.id: provider for provider in get_snapshot().providers}
    providers: dict[str, Any] = {"prxy": {"models": DEMO, "aliases": {}}}
    for name, listed in PROVIDERS.items():
        models = [model for each in (listed, *FALLBACKS.get(name, ())) for model in lists[each].models]
        providers[name] = _provider(name, models, overlay)
    for rule in overlay["resold"]:
        _borrow(providers[rule["provider"]]["models"], rule["maker"], providers[rule["maker"]])
    for rule in overlay["of_many_kinds"]:
        _drop_untold(providers[rule["provider"]], rule)
    return {
        "source": f"genai-prices {version('genai-prices')}",
        "unbounded": overlay["unbounded"],
        "defaults": overlay["providers"],
        "families": overlay["families"],
        "providers": providers,
    }


def _provider(name: str, models: Iterable[types.ModelInfo], overlay: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for model in models:
        key = model.id.lower()
        card = _card(model)
        if card is None or key in found or any(_applies(rule, name, key) for rule in overlay["unpriced"]):
            continue
        for rule in overlay["untold_lifetimes"]:
            if _applies(rule, name, key):
                _for_an_hour(card)
        for rule in overlay["multipliers"]:
            if _applies(rule, name, key):
                _multiply(card, rule["tier"], rule["percent"])
        found[key] = card
        for alias in _names(model.match):
            aliases.setdefault(alias.lower(), key)
    return {"models": found, "aliases": {alias: key for alias, key in sorted(aliases.items()) if alias not in found}}


def _borrow(models: dict[str, Any], maker: str, made: Mapping[str, Any]) -> None:
    """Prices of sound and pictures from the maker's own list, where the reseller's has those of text alone."""
    for key, card in models.items():
        owner, _, name = key.partition("/")
        name = name.partition(":")[0]
        own = made["models"].get(made["aliases"].get(name, name)) if owner == maker else None
        if own is not None:
            for row in card["prices"]:
                row.extend(own["prices"][0][len(row) :])


def _drop_untold(provider: dict[str, Any], rule: Mapping[str, Any]) -> None:
    """Leave out models that hear, speak or draw, for which no list says what that costs."""
    models = provider["models"]
    untold = [
        key
        for key, card in models.items()
        if any(fnmatchcase(key, pattern) for pattern in rule["match"]) and len(card["prices"][0]) <= KINDS
    ]
    for key in untold:
        del models[key]
    provider["aliases"] = {alias: key for alias, key in provider["aliases"].items() if key in models}


def _applies(rule: Mapping[str, Any], provider: str, key: str) -> bool:
    return provider == rule["provider"] and any(fnmatchcase(key, pattern) for pattern in rule["match"])


def _for_an_hour(card: dict[str, Any]) -> None:
    """All that is written to a cache counts as kept for an hour where the report does not tell lifetimes apart."""
    for rows in (card["prices"], *card.get("tiers", {}).values()):
        for row in rows:
            row[WRITE] = row[WRITE_1H]


def _multiply(card: dict[str, Any], tier: str, percent: int) -> None:
    """A tier that multiplies the prices of all others; both together stand under both words, in alphabetical order."""
    tiers = card.setdefault("tiers", {})
    together = {"+".join(sorted((*name.split("+"), tier))): rows for name, rows in tiers.items()}
    for name, rows in {tier: card["prices"], **together}.items():
        tiers[name] = [_scaled(row, percent) for row in rows]


def _card(model: types.ModelInfo) -> dict[str, Any] | None:
    """None for what is not sold by the token: speech, images by the piece."""
    price = _current(model)
    rows = _rows(_of_embeddings(model.id, vars(price)))
    if rows is None:
        return None
    card: dict[str, Any] = {"prices": rows}
    if model.context_window:
        card["context_window"] = max(model.context_window, LONGEST if rows[-1][0] else 0)
    if (fee := vars(price).get("requests_kcount")) is not None:
        card["fee_nano"] = int((_highest(fee) * 10**6).to_integral_value(ROUND_CEILING))
    tiers = dict(_tiers(model, vars(price)))
    return {**card, "tiers": tiers} if tiers else card


def _of_embeddings(name: str, price: Mapping[str, Any]) -> Mapping[str, Any]:
    """Vectors are billed by what is read alone."""
    return {**price, "output_mtok": Decimal(0)} if "embed" in name and price.get("output_mtok") is None else price


def _current(model: types.ModelInfo) -> types.ModelPrice:
    """What holds today. Of prices that change with the hour the highest, so that the list is never below the bill."""
    if not isinstance(model.prices, list):
        return model.prices
    today = datetime.now(UTC).date()
    dated = [each for each in model.prices if _begun(each.constraint, today)]
    for each in model.prices:
        if each not in dated and not isinstance(each.constraint, types.TimeOfDateConstraint):
            print(f"note: the price of {model.id} changes later: {each.constraint}", file=sys.stderr)
    hourly = [each for each in model.prices if isinstance(each.constraint, types.TimeOfDateConstraint)]
    return max((dated[-1], *hourly), key=lambda each: _highest(vars(each.prices).get("output_mtok", Decimal(0)))).prices


def _begun(constraint: object, today: date) -> bool:
    return constraint is None or (isinstance(constraint, types.StartDateConstraint) and constraint.start_date <= today)


def _tiers(model: types.ModelInfo, standard: Mapping[str, Any]) -> Iterator[tuple[str, list[list[int | None]]]]:
    """Of several prices for one tier, those that began last."""
    today = datetime.now(UTC).date()
    begun = [variant for variant in model.price_variants or () if _begun(variant.constraint, today)]
    for variant in sorted(begun, key=lambda each: getattr(each.constraint, "start_date", date.min)):
        asked = [value for name, value in variant.when.items() if name in TIERS]
        changed = {name: value for name, value in vars(variant.prices).items() if value is not None}
        if len(asked) == len(variant.when) == 1 and changed:
            rows = _rows({**standard, **changed})
            if rows is not None:
                yield asked[0], rows


def _rows(price: Mapping[str, Any]) -> list[list[int | None]] | None:
    """One row for each threshold, its fields in the order of `Rates`."""
    if price.get("input_mtok") is None or price.get("output_mtok") is None:
        return None
    starts = {0} | {tier.start for value in price.values() if hasattr(value, "tiers") for tier in value.tiers}
    return [_row(price, start) for start in sorted(starts)]


def _row(price: Mapping[str, Any], above: int) -> list[int | None]:
    """Trailing nulls are left out. Films count as pictures, cached pictures as cached text, at the higher price."""

    def highest(*names: str) -> int | None:
        found = (_pico(price.get(f"{name}_mtok"), above) for name in names)
        return max((pico for pico in found if pico is not None), default=None)

    plain, output = highest("input") or 0, highest("output") or 0
    write, hour = highest("cache_write"), highest("cache_write_1h")
    if hour is None and write is not None:
        hour = max(write, 2 * plain)
    cached = highest("cache_read", "cache_image_read")
    row = [above, plain, output, plain if cached is None else cached, plain if write is None else write,
           plain if hour is None else hour, highest("input_audio"), highest("output_audio"),
           highest("input_image", "input_video"), highest("output_image", "output_video"),
           highest("cache_audio_read"), highest("output_reasoning")]  # fmt: skip
    while row[-1] is None:
        del row[-1]
    return row


def _pico(value: Any, above: int) -> int | None:
    if value is None:
        return None
    price = value if isinstance(value, Decimal) else value.base
    if not isinstance(value, Decimal):
        for tier in value.tiers:
            price = tier.price if tier.start <= above else price
    return int((price * 10**6).to_integral_value(ROUND_CEILING))


def _highest(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else max(value.base, *(tier.price for tier in value.tiers))


def _scaled(row: list[int | None], percent: int) -> list[int | None]:
    return row[:1] + [None if price is None else -(-price * percent // 100) for price in row[1:]]


def _names(clause: Any) -> Iterator[str]:
    """Whole names among the package's matching rules. Bare prefixes are left out: they also catch what is not meant."""
    match clause:
        case types.ClauseOr(or_=clauses) | types.ClauseAnd(and_=clauses):
            for each in clauses:
                yield from _names(each)
        case types.ClauseEquals(equals=name):
            yield name
        case types.ClauseStartsWith(starts_with=name) | types.ClauseContains(contains=name):
            if name[-1].isalnum() and not name.endswith("-2025") and len(name) > 3:
                yield name


def render(catalog: dict[str, Any]) -> str:
    """One model a line, so that a change of prices reads as one."""
    head = {name: value for name, value in catalog.items() if name != "providers"}
    lines = [json.dumps(head, separators=(",", ":"))[:-1] + ',"providers":{']
    for at, (name, provider) in enumerate(sorted(catalog["providers"].items())):
        lines.append(("," if at else "") + json.dumps(name) + ':{"models":{')
        models = [
            f"{json.dumps(key)}:{json.dumps(card, separators=(',', ':'))}" for key, card in provider["models"].items()
        ]
        lines.append(",\n".join(models))
        lines.append('},"aliases":' + json.dumps(provider["aliases"], separators=(",", ":")) + "}")
    return "\n".join([*lines, "}}", ""])


if __name__ == "__main__":
    sys.exit(main())
