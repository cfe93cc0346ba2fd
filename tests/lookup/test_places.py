"""The place database: every vendor's shape, and files that are cut, replaced or corrupt."""

from __future__ import annotations

import logging
import os
import random
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.regimes import NOWHERE, Place
from consentgate.lookup.place_records import place_of_record
from consentgate.lookup.places import PlaceDatabase
from tests.databases import city, write_database


def packed(text: str) -> bytes:
    return ip_address(text).packed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_database(tmp_path / "places.mmdb")


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.requirement("JUR-01", "JUR-02", "JUR-03")
@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("5.83.1.1", Place("DE", "", True)),
        ("102.35.0.1", Place("RE")),
        ("185.5.0.1", Place("XK", "", True)),
        ("149.101.100.1", Place("US")),
        ("216.160.83.57", Place("US", "WA")),
        ("214.78.120.1", Place("US", "CA")),
        ("24.200.0.1", Place("CA", "QC")),
        ("2001:218::1", Place("JP")),
        ("2a02:d500::1", NOWHERE),
        ("214.1.1.1", NOWHERE),
        ("67.43.156.1", NOWHERE),
        ("127.0.0.1", NOWHERE),
        ("192.168.1.1", NOWHERE),
        ("::1", NOWHERE),
    ],
)
def test_what_a_database_knows(path: Path, address: str, place: Place) -> None:
    """The country, and the subdivision of the United States and Canada; nothing else is kept."""
    assert PlaceDatabase(path).find(packed(address)) == place


SHAPES: list[tuple[str, Any, Place]] = [
    ("MaxMind Country", city("DE", eu=True), Place("DE", "", True)),
    ("MaxMind City", city("US", "CA"), Place("US", "CA")),
    (
        "DB-IP, names only",
        {"country": {"iso_code": "US"}, "subdivisions": [{"names": {"en": "California"}}]},
        Place("US", "CA"),
    ),
    (
        "DB-IP, Canada",
        {"country": {"iso_code": "CA"}, "subdivisions": [{"names": {"en": "Quebec"}}]},
        Place("CA", "QC"),
    ),
    ("IPinfo country", {"country": "FR", "country_name": "France"}, Place("FR")),
    (
        "IPinfo Lite",
        {"country": "United States", "country_code": "US", "continent_code": "NA"},
        Place("US"),
    ),
    ("IPinfo location", {"country": "US", "region": "Colorado", "city": "-"}, Place("US", "CO")),
    ("IP2Location", {"country_code": "CA", "region": "Québec"}, Place("CA", "QC")),
    ("flat with code", {"country_code": "US", "region_code": "CA"}, Place("US", "CA")),
    ("flat with ISO code", {"country_code": "US", "region_code": "US-CA"}, Place("US", "CA")),
    ("flat with states", {"country_code": "US", "state1": "New York"}, Place("US", "NY")),
    ("text", "US", Place("US")),
    ("lower case", {"country_code": "de"}, Place("DE")),
    ("another code for a country", {"country_code": "UK"}, Place("GB")),
    ("a flag without a code", {"country": {"is_in_european_union": True}}, Place("", "", True)),
    ("unknown", {"country_code": "XX"}, NOWHERE),
    ("Tor", {"country_code": "T1"}, NOWHERE),
    ("a name without a code", {"country": "Germany"}, NOWHERE),
    ("numbers", {"country": 49, "region": 1}, NOWHERE),
    ("lists", {"country": {"iso_code": ["DE"]}, "subdivisions": {}}, NOWHERE),
    ("an odd region", {"country_code": "US", "region_code": "../CA"}, Place("US")),
    ("nothing", None, NOWHERE),
]


@pytest.mark.parametrize(
    ("record", "place"), [row[1:] for row in SHAPES], ids=[r[0] for r in SHAPES]
)
def test_the_shapes_of_the_vendors(tmp_path: Path, record: Any, place: Place) -> None:
    """Each shape is read out of a real file."""
    if record is not None:
        path = write_database(tmp_path / "one.mmdb", {"1.2.3.0/24": record}, kind="vendor")
        assert PlaceDatabase(path).find(packed("1.2.3.4")) == place
    assert place_of_record(record) == place


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["country", "iso_code", "subdivisions", "names", "en", "country_code"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_like)
def test_no_record_raises(record: Any) -> None:
    """Whatever a file holds is a place or nowhere, and of a known form."""
    place = place_of_record(record)
    assert len(place.country) in (0, 2)
    assert len(place.subdivision) <= 3


def test_an_ipv4_database_does_not_know_ipv6(tmp_path: Path) -> None:
    """Such an address is nowhere, and no failure."""
    database = PlaceDatabase(write_database(tmp_path / "four.mmdb", ip=4))
    assert database.find(packed("5.83.1.1")).country == "DE"
    assert database.find(packed("2001:218::1")) == NOWHERE
    assert database.failures == 0


@pytest.mark.requirement("JUR-03")
@pytest.mark.parametrize(
    "content", [None, b"", b"not a database", b"\x00" * 4096, "cut", "no tree"], ids=str
)
def test_unusable_files_are_nowhere_and_said_once(
    path: Path, content: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Missing, empty, foreign, cut: nowhere for everyone, one line in the log, no exception."""
    whole = path.read_bytes()
    if content is None:
        path.unlink()
    elif content == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "no tree":
        path.write_bytes(whole[-200:])
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    clock = Clock()
    with caplog.at_level(logging.ERROR, "consentgate"):
        database = PlaceDatabase(path, clock=clock)
        for _ in range(3):
            assert database.find(packed("5.83.1.1")) == NOWHERE
            database.look()
    assert not database.is_usable
    assert len(caplog.records) == 1
    assert "the strictest rules for everyone" in caplog.text


@pytest.mark.requirement("JUR-03")
def test_no_corrupt_file_raises_or_ends_the_process(tmp_path: Path) -> None:
    """Twenty bytes of the file are others: a place or nowhere, whatever they lead the reader to."""
    path = write_database(tmp_path / "places.mmdb")
    whole, chance = path.read_bytes(), random.Random(7)
    usable = 0
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(20):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content)
        database = PlaceDatabase(path)
        usable += database.is_usable
        for address in ("5.83.1.1", "214.78.120.1", "2001:218::1", "24.150.0.1"):
            assert isinstance(database.find(packed(address)), Place)
    assert 0 < usable < 150


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe would hold up the start for ever."""
    os.mkfifo(tmp_path / "pipe.mmdb")
    assert not PlaceDatabase(tmp_path / "pipe.mmdb").is_usable
    assert not PlaceDatabase(tmp_path).is_usable


def test_a_new_file_is_taken_up(path: Path) -> None:
    """Replaced atomically or written in place: the next look takes it up, and forgets the old."""
    database = PlaceDatabase(path)
    assert database.find(packed("5.83.1.1")).country == "DE"
    write_database(path.with_suffix(".new"), {"5.83.0.0/16": city("FR")})
    os.replace(path.with_suffix(".new"), path)
    database.look()
    assert database.find(packed("5.83.1.1")).country == "FR"
    write_database(path, {"5.83.0.0/16": city("IT"), "1.0.0.0/8": city("AU")})
    database.look()
    assert database.find(packed("5.83.1.1")).country == "IT"


def test_requests_start_the_look_in_a_thread(path: Path) -> None:
    """After the interval one request starts it, and does not wait for it."""
    clock = Clock()
    database = PlaceDatabase(path, clock=clock, look_every_seconds=10)
    database.find(packed("5.83.1.1"))
    write_database(path.with_suffix(".new"), {"5.83.0.0/16": city("FR")})
    os.replace(path.with_suffix(".new"), path)
    clock.now = 9.0
    assert database.find(packed("5.83.1.1")).country == "DE"
    assert not [thread for thread in threading.enumerate() if thread.name == "consentgate-places"]
    clock.now = 10.0
    database.find(packed("5.83.1.1"))
    for thread in threading.enumerate():
        if thread.name == "consentgate-places":
            thread.join(5)
    assert database.find(packed("5.83.1.1")).country == "FR"


@pytest.mark.requirement("JUR-03")
@pytest.mark.parametrize("how", ["truncate", "overwrite", "remove", "garbage", "directory"])
def test_whatever_happens_to_the_file_the_copy_answers(path: Path, how: str) -> None:
    """The original is cut or overwritten in place: a mapped file would kill the process."""
    database = PlaceDatabase(path)
    if how == "truncate":
        os.truncate(path, 0)
    elif how == "overwrite":
        with path.open("r+b") as file:
            file.write(b"\xff" * (path.stat().st_size // 2))
    elif how == "garbage":
        path.write_bytes(os.urandom(9_000))
    else:
        path.unlink()
        if how == "directory":
            path.mkdir()
    database.look()
    for last in range(256):
        assert database.find(packed(f"5.83.{last}.1")).country == "DE"
    assert database.is_usable


def test_readers_never_see_a_half_written_file(path: Path) -> None:
    """Under load, while the file is cut, rewritten and replaced: an old or a new answer, always."""
    database = PlaceDatabase(path, look_every_seconds=0)
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        number = 0
        while not done.is_set():
            number = (number + 1) % 60_000
            place = database.find(packed(f"5.83.{number // 256}.{number % 256}"))
            if place.country not in ("DE", "FR"):
                wrong.append(place)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    whole = path.read_bytes()
    other = write_database(path.with_suffix(".b"), {"5.83.0.0/16": city("FR")}).read_bytes()
    for _ in range(5):
        os.truncate(path, 10)
        database.look()
        path.write_bytes(whole[: len(whole) // 2])
        database.look()
        path.write_bytes(other)
        database.look()
        path.write_bytes(whole)
        database.look()
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_no_address_is_kept(path: Path) -> None:
    """What is remembered is under a keyed hash: memory holds no list of visitors."""
    database = PlaceDatabase(path)
    database.find(packed("5.83.1.1"))
    (kept,) = database._found
    assert packed("5.83.1.1") not in kept
    assert len(kept) == 16
    other = PlaceDatabase(path)
    other.find(packed("5.83.1.1"))
    assert list(other._found) != [kept]
