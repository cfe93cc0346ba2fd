"""Owns what a place database's record says, in the shapes that vendors use; never opens one.

MaxMind Country, City and DB-IP: {"country": {"iso_code": …}, "subdivisions": [{…}]}
IPinfo, IP2Location and others:  {"country": "US"} or {"country_code": "US", "region": …}
the flattest:                    "US"
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from consentgate.domain.regimes import NOWHERE, Place, place_of

_COUNTRY_KEYS = ("country_code", "country_iso_code", "iso_code", "country", "cc")
_REGION_KEYS = ("region_code", "region_iso_code", "state_code", "state1", "region", "state")
_MOST_CHARS = 64

_STATES = (
    "Alabama AL|Alaska AK|Arizona AZ|Arkansas AR|California CA|Colorado CO|Connecticut CT|"
    "Delaware DE|District of Columbia DC|Florida FL|Georgia GA|Hawaii HI|Idaho ID|Illinois IL|"
    "Indiana IN|Iowa IA|Kansas KS|Kentucky KY|Louisiana LA|Maine ME|Maryland MD|Massachusetts MA|"
    "Michigan MI|Minnesota MN|Mississippi MS|Missouri MO|Montana MT|Nebraska NE|Nevada NV|"
    "New Hampshire NH|New Jersey NJ|New Mexico NM|New York NY|North Carolina NC|North Dakota ND|"
    "Ohio OH|Oklahoma OK|Oregon OR|Pennsylvania PA|Rhode Island RI|South Carolina SC|"
    "South Dakota SD|Tennessee TN|Texas TX|Utah UT|Vermont VT|Virginia VA|Washington WA|"
    "West Virginia WV|Wisconsin WI|Wyoming WY"
)
_PROVINCES = (
    "Alberta AB|British Columbia BC|Manitoba MB|New Brunswick NB|Newfoundland and Labrador NL|"
    "Nova Scotia NS|Northwest Territories NT|Nunavut NU|Ontario ON|Prince Edward Island PE|"
    "Quebec QC|Québec QC|Saskatchewan SK|Yukon YT"
)


def _by_name(text: str) -> Mapping[str, str]:
    pairs = (entry.rpartition(" ") for entry in text.split("|"))
    return MappingProxyType({name.lower(): code for name, _, code in pairs})


_CODES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"US": _by_name(_STATES), "CA": _by_name(_PROVINCES)}
)
"""Subdivision names to ISO codes: some vendors give names only."""


def place_of_record(record: object) -> Place:
    """Read a record of any of the shapes; anything else is nowhere. Never raises.

    Only where the address *is* counts: ``registered_country`` and ``represented_country`` say
    who answers for it, and are not read.
    """
    if isinstance(record, str):
        return place_of(record[:_MOST_CHARS])
    if not isinstance(record, Mapping):
        return NOWHERE
    if isinstance(record.get("country"), Mapping):
        return _place_of_maxmind(record)
    is_eu = record.get("is_in_european_union") is True or record.get("is_eu") is True
    place = place_of(_code_in(record), is_in_european_union=is_eu)
    if place.country not in _CODES:
        return place
    return place_of(place.country, _subdivision(record, place.country), is_in_european_union=is_eu)


def _place_of_maxmind(record: Mapping[object, object]) -> Place:
    """A record in MaxMind's own shape, which DB-IP has too, read by MaxMind's own model.

    ``geoip2.database`` takes a model by the kind of database that a file says it is, and so
    refuses other vendors' files, and cities where countries are asked for; the model does not.
    """
    from geoip2.models import City

    try:
        stated: Any = record  # of a shape that only the model knows
        city = City(("en",), country=stated["country"], subdivisions=stated.get("subdivisions"))
        country, parts = city.country, city.subdivisions
        is_eu = country.is_in_european_union is True
        place = place_of(_short(country.iso_code), is_in_european_union=is_eu)
        if place.country not in _CODES or not parts:
            return place
        first = parts[0]  # the largest of several comes first (ISO 3166-2 order)
        code = _short(first.iso_code) or _named(place.country, first.name)
    except (AttributeError, LookupError, TypeError, ValueError):
        return NOWHERE  # no shape that MaxMind has
    return place_of(place.country, code, is_in_european_union=is_eu)


def _code_in(record: Mapping[object, object]) -> str:
    """The first key that holds a code; IPinfo writes ``country`` as a code or as a name."""
    for key in _COUNTRY_KEYS:
        text = _short(record.get(key))
        if len(text) == 2:
            return text
    return ""


def _subdivision(record: Mapping[object, object], country: str) -> str:
    """The subdivision's ISO code."""
    for key in _REGION_KEYS:
        text = _short(record.get(key))
        if text:
            return text if len(text) <= 6 and _named(country, text) == "" else _named(country, text)
    return ""


def _named(country: str, name: object) -> str:
    return _CODES[country].get(_short(name).lower(), "")


def _short(text: object) -> str:
    return text[:_MOST_CHARS].strip() if isinstance(text, str) else ""
