from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stores import NOON

from prxy.store.key_text import ALPHABET, accepts, generate, hashed, parse_key, prove, renew, verify
from prxy.store.records import ApiKey

FIXED = "prxy_live_abcDEF123456" + "0123456789ABCDEFGHIJKLMNOPQRSTUV"


@pytest.mark.parametrize(("admin", "prefix"), [(False, "prxy_live_"), (True, "prxy_admin_")])
def test_a_generated_key_has_the_published_form(admin: bool, prefix: str) -> None:
    made = generate(admin=admin)

    assert re.fullmatch(prefix + "[0-9A-Za-z]{50}", made.text)
    assert made.text.startswith(prefix + made.id)
    assert parse_key(made.text) == made
    assert made.admin is admin


def test_generated_keys_differ() -> None:
    assert len({generate().text for _ in range(100)}) == 100


def test_a_renewed_key_keeps_its_id_and_nothing_else() -> None:
    old = generate()

    new = renew(old.id)

    assert (new.id, new.admin) == (old.id, old.admin)
    assert new.text[22:54] != old.text[22:54]
    assert parse_key(new.text) == new


def test_the_checksum_is_the_same_in_every_version() -> None:
    assert parse_key(FIXED + "0yTwNF") is not None
    assert parse_key(FIXED + "000000") is None


@given(at=st.integers(min_value=10, max_value=59), char=st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_noticed(at: int, char: str) -> None:
    text = generate().text
    other = text[:at] + char + text[at + 1 :]

    assert (parse_key(other) is None) == (other != text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "prxy_live_",
        "sk-1234",
        FIXED,
        "prxy_test_" + "a" * 50,
        "prxy_live_" + "é" * 50,
        generate().text + "\n",
        generate().text.upper(),
        generate(admin=True).text.replace("admin", "live"),
    ],
    ids=range(9),
)
def test_what_was_never_generated_is_no_key(text: str) -> None:
    assert parse_key(text) is None


def test_a_secret_opens_only_its_own_key() -> None:
    mine, other = generate(), generate()
    key = ApiKey(id=mine.id, name="n", tenant="t", secret_hash=hashed(mine.text))

    assert verify(key, mine.text, NOON)
    assert not verify(key, other.text, NOON)
    assert not verify(None, mine.text, NOON)


def test_the_secret_before_the_last_rotation_counts_until_its_time() -> None:
    old, new = generate(), generate()
    key = ApiKey(
        id=new.id,
        name="n",
        tenant="t",
        secret_hash=hashed(new.text),
        previous_hash=hashed(old.text),
        previous_until=NOON + 60,
    )

    assert verify(key, new.text, NOON)
    assert verify(key, old.text, NOON + 59)
    assert not verify(key, old.text, NOON + 60)


def test_a_key_without_any_hash_is_opened_by_nothing() -> None:
    assert not verify(ApiKey(id="i", name="n", tenant="t"), "", NOON)


def test_a_parsed_key_does_not_show_its_secret() -> None:
    made = generate()

    assert made.text not in repr(made)


def test_a_proved_key_holds_the_presented_secret_and_no_other() -> None:
    old, new = generate(), generate()
    key = ApiKey(
        id="i",
        name="n",
        tenant="t",
        secret_hash=hashed(new.text),
        previous_hash=hashed(old.text),
        previous_until=NOON + 60,
    )

    by_old, by_new = prove(key, old.text), prove(key, new.text)

    assert [accepts(key, each.secret_hash, NOON) for each in (by_old, by_new)] == [True, True]
    assert [accepts(key, each.secret_hash, NOON + 60) for each in (by_old, by_new)] == [False, True]
    assert not accepts(by_new, by_old.secret_hash, NOON)


def test_a_key_of_one_secret_is_proved_as_it_stands() -> None:
    made = generate()
    key = ApiKey(id="i", name="n", tenant="t", secret_hash=hashed(made.text))

    assert prove(key, made.text) == key
