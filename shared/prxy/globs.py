"""Names that stand for many: `gpt-4o*`."""

from __future__ import annotations


def matches(name: str, pattern: str) -> bool:
    """Whether `*`, for any text, and `?`, for any one character, make the name of the pattern. Case counts.

    The same as `fnmatch.fnmatchcase` for patterns without brackets, but that compiles each pattern when it is first
    used, which for a list of them takes longer than a call.
    """
    if "*" not in pattern:
        return len(name) == len(pattern) and _begins(name, pattern, 0)
    first, *middle, last = pattern.split("*")
    end = len(name) - len(last)
    if not (_begins(name, first, 0) and len(first) <= end and _begins(name, last, end)):
        return False
    place = len(first)
    for part in middle:
        place = _found(name, part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def _begins(name: str, part: str, place: int) -> bool:
    if "?" not in part:
        return name.startswith(part, place)
    there = name[place : place + len(part)]
    return len(there) == len(part) and all(wanted in ("?", found) for found, wanted in zip(there, part, strict=True))


def _found(name: str, part: str, place: int, end: int) -> int:
    """Where the part is next, -1 for nowhere before the end."""
    if "?" not in part:
        return name.find(part, place, end)
    return next((each for each in range(place, end - len(part) + 1) if _begins(name, part, each)), -1)
