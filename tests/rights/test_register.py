"""The register: durable, in order, naming nobody, and unusable rather than wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from consentgate.domain.policy.access import RightsSettings
from consentgate.domain.policy.policy import LedgerSettings
from consentgate.domain.rights.requests import Ask, Fate
from consentgate.errors import RightsError
from consentgate.rights.journal import Journal
from consentgate.rights.register import Register
from tests.policies import SHOP

SUBJECT, OTHER, NOW = "0f" * 16, "1e" * 16, 1_790_000_000


@pytest.mark.parametrize(
    ("url", "directory", "folder"),
    [
        ("sqlite:var/ledger.sqlite3", "", "var/rights"),
        ("sqlite:///srv/ledger.sqlite3", "", "/srv/rights"),
        ("postgresql://db/x", "var/rights", "var/rights"),
        ("memory:", "", None),
    ],
)
def test_where_it_lies(url: str, directory: str, folder: str | None) -> None:
    """In the folder that the policy names, else beside a SQLite ledger, else nowhere."""
    policy = replace(
        SHOP, ledger=LedgerSettings(url=url), rights=RightsSettings(directory=directory)
    )
    register = Register.of(policy)
    assert (str(register.folder) if register else None) == folder


def test_no_line_names_a_visitor_and_files_are_closed(tmp_path: Path) -> None:
    """The open request alone does, for the owner alone, until it is closed."""
    register = Register(tmp_path / "rights")
    request = register.open(Ask.ERASURE, [SUBJECT], now=NOW, by="ann", text="my name is Bo")
    held = [p.name for p in tmp_path.rglob("*") if p.is_file() and b"0f0f" in p.read_bytes()]
    assert held == [f"{request.reference}.json"]
    for path in (tmp_path / "rights").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    register.close(request.reference, Fate.ANSWERED, now=NOW, by="ann")
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"Bo" in p.read_bytes()]
    with pytest.raises(RightsError, match="it was answered"):
        register.close(request.reference, Fate.DENIED, now=NOW, by="ann")
    with pytest.raises(RightsError, match="only an open request"):
        register.extend(request.reference, now=NOW, by="ann", why="x")
    with pytest.raises(RightsError, match="there is no such request"):
        register.request("R-none")
    with pytest.raises(RightsError, match="that is no reference"):
        register.said("../key")


def test_an_extension_comes_in_time(tmp_path: Path) -> None:
    """Once the first date is over, no reason helps."""
    register = Register(tmp_path)
    request = register.open(Ask.ACCESS, [SUBJECT], now=NOW, by="visitor", regime="FR")
    with pytest.raises(RightsError, match="too late"):
        register.extend(request.reference, now=NOW + 40 * 86_400, by="ann", why="x")


def test_each_hold_is_its_visitors_own(tmp_path: Path) -> None:
    """And ends for that visitor alone."""
    register = Register(tmp_path)
    assert not register.is_held([SUBJECT])
    for subject in (SUBJECT, OTHER):
        register.hold(subject, now=NOW, by="ann", why="claim")
    assert register.release(SUBJECT, now=NOW, by="ann", why="settled")
    assert (register.is_held([SUBJECT]), register.is_held([OTHER])) == (False, True)
    assert register.is_held([SUBJECT, OTHER])


def test_two_writers_keep_one_chain(tmp_path: Path) -> None:
    """Each adds behind what the other wrote, and the key of both is one."""
    one, two = Register(tmp_path), Register(tmp_path)
    for number in range(6):
        (one, two)[number % 2].note("noted", by="ann", now=NOW, number=number)
    assert [entry["number"] for entry in Journal(tmp_path).entries()] == list(range(6))
    assert one.who(SUBJECT) == two.who(SUBJECT) != one.who(OTHER)


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    """A power loss leaves half a line; what was acknowledged stands."""
    journal = Journal(tmp_path)
    journal.add({"at": NOW, "act": "noted"})
    with journal.path.open("ab") as file:
        file.write(b'{"at": 17')
    journal.add({"at": NOW + 1, "act": "noted"})
    assert [entry["at"] for entry in journal.entries()] == [NOW, NOW + 1]


@pytest.mark.parametrize("place", [0, 1])
def test_a_changed_line_stops_everything(tmp_path: Path, place: int) -> None:
    """It is named, and nothing is written behind it."""
    journal = Journal(tmp_path)
    for number in range(2):
        journal.add({"at": NOW, "act": "noted", "number": number})
    lines = journal.path.read_bytes().splitlines()
    lines[place] = json.dumps({**json.loads(lines[place]), "number": 9}).encode()
    journal.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(RightsError, match=rf":{place + 1}: this line has been changed"):
        journal.entries()
    journal.path.write_bytes(b"no json\n")
    with pytest.raises(RightsError, match="has been changed"):
        journal.add({"at": NOW, "act": "noted"})


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the file's name; nothing may be done then."""
    (tmp_path / "file").write_text("x")
    register = Register(tmp_path / "file" / "rights")
    with pytest.raises(RightsError, match="rights"):
        register.who(SUBJECT)
    with pytest.raises(RightsError, match="cannot be written"):
        register.note("noted", by="ann", now=NOW)
    with pytest.raises(RightsError, match="cannot be read"):
        register.requests()
    damaged = Register(tmp_path / "damaged")
    damaged.who(SUBJECT)
    (tmp_path / "damaged" / "key").write_bytes(b"short")
    with pytest.raises(RightsError, match="expected 32 bytes"):
        Register(tmp_path / "damaged").who(SUBJECT)
    (tmp_path / "damaged" / "open").mkdir()
    (tmp_path / "damaged" / "open" / "R-1.json").write_text("no json")
    with pytest.raises(RightsError, match="cannot be read"):
        damaged.said("R-1")
