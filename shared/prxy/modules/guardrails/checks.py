"""What regular expressions cannot tell: check digits, valid ranges, and the lengths that numbers must have."""

from __future__ import annotations

import socket
import string
from collections.abc import Mapping

_DOUBLED = bytes.maketrans(bytes(range(10)), bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))

_LETTERS_AS_NUMBERS = {ord(letter): str(number) for number, letter in enumerate(string.ascii_uppercase, 10)}
_IBAN_LENGTHS: Mapping[str, int] = {
    entry[:2]: int(entry[2:])
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 "
        "EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 "
        "KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 "
        "PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 "
        "VA22 VG24 XK20 YE30"
    ).split()
}
"""Country -> characters of its account numbers, without spaces."""


def is_luhn(digits: bytes) -> bool:
    """Whether the last of some digits, given as numbers, checks the others (ISO/IEC 7812-1, annex B)."""
    return sum(digits[-1::-2] + digits[-2::-2].translate(_DOUBLED)) % 10 == 0


def is_ssn(area: str, group: str, serial: str) -> bool:
    """Whether a number may have been given to somebody: neither area 000, 666 or 9xx, nor a part of zeros alone.

    https://www.ssa.gov/employer/randomization.html (as of 2026-11)
    """
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def iban_length(country: str) -> int:
    """How many characters the account numbers of a country have; 0 where it has none."""
    return _IBAN_LENGTHS.get(country, 0)


def is_iban(compact: str) -> bool:
    """Whether an account number without spaces passes its check digits (ISO 13616: the rest by 97 is 1)."""
    return int((compact[4:] + compact[:4]).translate(_LETTERS_AS_NUMBERS)) % 97 == 1


def is_address(text: str) -> bool:
    """Whether it is an IP address of some host: neither the own one (127.x.x.x, ::1) nor none (0.x.x.x, ::)."""
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return False
    return packed.strip(b"\0") not in (b"", b"\x01") if len(packed) == 16 else packed[0] not in (0, 127)
