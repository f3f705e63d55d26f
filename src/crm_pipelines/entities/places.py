"""Names of places: countries, states of the USA and large cities (``places.txt``), and cities that name time zones."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

_REGIONS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_NOT_CITIES = frozenset({"Center", "Central", "Eastern", "Mountain", "North", "South", "West", "East", "Victoria"})
LONGEST = 4
"""Most words of a name."""


@cache
def places() -> frozenset[str]:
    """Every name, as written."""
    listed = (files("crm_pipelines.entities") / "places.txt").read_text(encoding="utf-8").split("\n")
    zones = (zone.split("/") for zone in available_timezones())
    cities = {parts[-1].replace("_", " ") for parts in zones if len(parts) > 1 and parts[0] in _REGIONS}
    return frozenset({name for name in listed if name} | (cities - _NOT_CITIES))


@cache
def _lower() -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(name.lower().split()) for name in places())


def is_place(tokens: Sequence[str], position: int) -> bool:
    """Whether the token is part of a name of a place, capitals or not."""
    known = _lower()
    lowered = [token.lower() for token in tokens[max(0, position - LONGEST + 1) : position + LONGEST]]
    at = min(position, LONGEST - 1)
    return any(
        tuple(lowered[start:end]) in known
        for start in range(at + 1)
        for end in range(at + 1, min(start + LONGEST, len(lowered)) + 1)
    )
