"""Names of tenants: no new one can be mistaken for another. Those that there are go on."""

from __future__ import annotations

import re
import unicodedata

from prxy.canonical.errors import InvalidRequest, NotFound
from prxy.control import ControlPlane

LOOKED_AT = 100
"""Keys among which one of the tenant is looked for."""
_AROUND_SLASHES = re.compile(r" *(?:/ *)+")
_SPACES = re.compile(r" +")


def plain(name: str) -> str:
    """What a person takes it for: as few spaces and slashes as show, none at its ends, one form of each letter."""
    name = unicodedata.normalize("NFKC", name)
    return _SPACES.sub(" ", _AROUND_SLASHES.sub("/", name)).strip(" /")


async def check_tenant(plane: ControlPlane, name: str) -> None:
    """Raises InvalidRequest for a new tenant with such a name, and StoreUnavailable."""
    if plain(name) == name or await _exists(plane, name):
        return
    raise InvalidRequest(
        f"There is no tenant '{name}' yet, and none is made of that name: it reads like '{plain(name)}'. Use that, "
        "without spaces or slashes at the end, doubled ones, or spaces beside a slash.",
        code="invalid_value",
        param="tenant",
    )


async def _exists(plane: ControlPlane, name: str) -> bool:
    """Whether a key or a budget is the tenant's, or a budget of a project in it."""
    try:
        await plane.budgets.read(name)
    except NotFound:
        page = await plane.administration.page(name, after="", limit=LOOKED_AT)
        return bool(page.keys or await plane.budgets.of_projects(name))
    return True
