"""Place databases that tests build: real files in MaxMind's format, in the shapes of the vendors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def city(country: str, *subdivisions: str, eu: bool = False) -> dict[str, Any]:
    """A record as MaxMind City, GeoIP2 Country and DB-IP write it."""
    record: dict[str, Any] = {"country": {"iso_code": country, "names": {"en": "-"}}}
    if eu:
        record["country"]["is_in_european_union"] = True
    if subdivisions:
        record["subdivisions"] = [{"iso_code": code} for code in subdivisions]
    return record


NETWORKS: Mapping[str, Any] = {
    "81.2.69.0/24": city("GB", "ENG"),
    "5.83.0.0/16": city("DE", "BE", eu=True),
    "2.16.0.0/16": city("FR", "IDF", eu=True),
    "5.145.0.0/16": city("CH", "ZH"),
    "214.78.120.0/22": city("US", "CA"),
    "8.44.0.0/16": city("US", "CO"),
    "216.160.83.56/29": city("US", "WA"),
    "149.101.100.0/28": city("US"),
    "24.200.0.0/16": city("CA", "QC"),
    "24.100.0.0/16": city("CA", "ON"),
    "24.150.0.0/16": city("CA"),
    "177.0.0.0/16": city("BR", "SP"),
    "126.0.0.0/16": city("JP", "13"),
    "102.35.0.0/16": city("RE"),
    "185.5.0.0/16": city("XK", eu=True),
    # only a continent; only traits; only who registered it (found in MaxMind's own test data)
    "2a02:d500::/29": {"continent": {"code": "EU"}},
    "214.1.1.0/24": {"traits": {"is_anycast": True}},
    "67.43.156.0/24": {"registered_country": {"iso_code": "US"}},
    "2001:218::/32": city("JP"),
}
"""What the world looks like in these tests; addresses as in MaxMind's published test databases."""


def write_database(
    path: Path, networks: Mapping[str, Any] = NETWORKS, *, kind: str = "GeoLite2-City", ip: int = 6
) -> Path:
    """Write a database; ``ip`` 4 makes one that knows no IPv6."""
    writer = MMDBWriter(ip, kind, languages=["en"], ipv4_compatible=ip == 6)
    for network, record in networks.items():
        if ip == 6 or ":" not in network:
            writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path
