"""The security log: what it notes, under which pseudonyms, for how long, and who can open it."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate import ConsentGate
from consentgate.asgi.recording.security_log import MISSING_A_MINUTE
from consentgate.domain.days import DAY_SECONDS
from consentgate.domain.policy.policy import Policy
from consentgate.errors import LogError, SettingError
from consentgate.formats.headers.ip_addresses import packed_address
from consentgate.log.security.audit import Audit
from consentgate.log.security.file import Incident, SecurityFile, prune, too_old
from consentgate.log.security.pseudonyms import AddressCipher, DayKey
from consentgate.log.security.revealing import reveal
from consentgate.log.security.sealing import (
    read_private_key,
    read_public_key,
    seal,
    unseal,
    write_key_pair,
)
from consentgate.log.writing.background import TICKER
from tests.asgi.raw import CLIENT, NOW, gated, http, json_answer, run
from tests.log.written import records_in, rows_in
from tests.policies import SHOP

DAY = "2026-09-21"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
INCIDENT = Incident(
    at=NOW,
    address=bytes([203, 0, 113, 77]),
    agent=AGENT,
    looks="desktop",
    method="GET",
    path="/admin",
    status=403,
    reason="forbidden",
)


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates here live at NOW: the thread beside them must not take it for a day long past."""
    monkeypatch.setattr(TICKER, "_tick", lambda: None)


@pytest.fixture
def officer(tmp_path: Path) -> Path:
    """The officer's private key; the public one lies beside it."""
    path = tmp_path / "officer.pem"
    write_key_pair(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "security"


def security_file(officer: Path, folder: Path, *, days: int = 7) -> SecurityFile:
    return SecurityFile(folder, read_public_key(officer.with_suffix(".pub.pem")), days=days)


def lines(folder: Path) -> list[dict[str, Any]]:
    """Every incident on disk."""
    TICKER.finish()
    return [row for row in rows_in(folder, "day=*/*.jsonl") if "ip" in row]


def ask(folder: Path, key: Path, token: str, *, day: str = DAY) -> Any:
    """Reveal as the officer does."""
    private = read_private_key(key)
    return reveal(folder, private, day=day, token=token, by="officer", reason="a case", at="now")


@pytest.mark.parametrize(
    ("key", "address", "pseudonym"),
    [
        # draft-denis-ipcrypt, ipcrypt-deterministic test vectors
        ("0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"),
        ("1032547698badcfeefcdab8967452301", "255.255.255.255", "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8"),
        ("2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"),
        ("2b7e151628aed2a6abf7158809cf4f3c", "2001:db8::1", "10ea:8047:d631:d47d:150d:53dc:6ff3:9302"),
        (b"0123456789abcdef".hex(), "1.2.3.4", "9f4:e6e1:c77e:ffe8:49ac:6a6a:9f11:620f"),
    ],
)  # fmt: skip
def test_pseudonyms_are_those_of_the_draft(key: str, address: str, pseudonym: str) -> None:
    """Any ipcrypt tool with the day's key reads them."""
    cipher = AddressCipher(bytes.fromhex(key))
    packed = packed_address(address)
    assert packed is not None
    assert cipher.encrypt(packed) == pseudonym
    assert cipher.decrypt(pseudonym) == address


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), st.text())
def test_what_a_day_hides_its_key_shows(address: bytes, agent: str) -> None:
    """Address and agent come back, under that key alone."""
    hidden = KEY.address.encrypt(address)
    assert packed_address(KEY.address.decrypt(hidden)) == packed_address_of(address)
    assert KEY.show(KEY.hide(agent)) == agent.encode("utf-8", "replace").decode()
    with pytest.raises(ValueError, match="changed"):
        OTHER.show(KEY.hide(agent))


KEY, OTHER = DayKey(), DayKey()


def packed_address_of(raw: bytes) -> bytes:
    """IPv4 in IPv6 is IPv4."""
    return raw[12:] if raw[:12] == bytes(10) + b"\xff\xff" else raw


@pytest.mark.requirement("LOG-05", "LOG-09")
def test_a_line_names_nobody_and_the_folder_is_its_owners(officer: Path, folder: Path) -> None:
    """Neither address nor agent is on disk; folders are 0700, files 0600."""
    file = security_file(officer, folder)
    file.write(INCIDENT)
    file.write(replace(INCIDENT, at=NOW + 5))
    file.write(replace(INCIDENT, address=bytes(16)))
    first, second, third = lines(folder)
    assert first["ip"] == second["ip"] != third["ip"]
    assert first["agent"] != second["agent"]
    assert (first["ts"], first["reason"]) == ("2026-09-21T14:13:20Z", "forbidden")
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        if path.is_file():
            content = path.read_bytes()
            assert not {b"203.0.113.77", b"Firefox", bytes([203, 0, 113, 77])} & {
                needle
                for needle in (b"203.0.113.77", b"Firefox", bytes([203, 0, 113, 77]))
                if needle in content
            }


def test_a_pseudonym_lasts_a_day(officer: Path, folder: Path) -> None:
    """Tomorrow, in another process and after a restart it is another one."""
    file = security_file(officer, folder)
    file.write(INCIDENT)
    file.write(replace(INCIDENT, at=NOW + DAY_SECONDS))
    security_file(officer, folder).write(INCIDENT)
    assert len({line["ip"] for line in lines(folder)}) == 3
    assert len(list((folder / "sealed").iterdir())) == 3


def test_a_forked_worker_has_a_key_of_its_own(officer: Path, folder: Path) -> None:
    """A child writes under another key, in another file."""
    file = security_file(officer, folder)
    file.write(INCIDENT)
    child = os.fork()
    if child == 0:
        file.write(INCIDENT)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len({line["ip"] for line in lines(folder)}) == 2


def test_the_officer_lifts_one_pseudonym(officer: Path, folder: Path) -> None:
    """Address, agents and lines of that one; an audit entry with who and why."""
    file = security_file(officer, folder)
    file.write(INCIDENT)
    file.write(replace(INCIDENT, path="/login", status=429))
    security_file(officer, folder).write(replace(INCIDENT, address=bytes(16)))
    found = ask(folder, officer, lines(folder)[0]["ip"])
    assert (found.address, found.agents) == ("203.0.113.77", (AGENT,))
    assert [line["path"] for line in found.lines] == ["/admin", "/login"]
    (entry,) = Audit(folder).entries()
    assert (entry["by"], entry["reason"], entry["day"]) == ("officer", "a case", DAY)
    assert "203.0.113.77" not in json.dumps(entry)


def test_another_key_opens_nothing_and_is_audited(
    officer: Path, folder: Path, tmp_path: Path
) -> None:
    """The entry is there before the seal is tried."""
    security_file(officer, folder).write(INCIDENT)
    write_key_pair(tmp_path / "other.pem")
    with pytest.raises(SettingError, match="does not open"):
        ask(folder, tmp_path / "other.pem", lines(folder)[0]["ip"])
    assert len(Audit(folder).entries()) == 1


@pytest.mark.parametrize("token", ["::1", "9f4:e6e1:c77e:ffe8:49ac:6a6a:9f11:620f"])
def test_only_what_was_written_is_revealed(officer: Path, folder: Path, token: str) -> None:
    """The key is no oracle: a pseudonym that stands in no line is not decrypted, and audited."""
    security_file(officer, folder).write(INCIDENT)
    with pytest.raises(LogError, match="no line of 2026-09-21"):
        ask(folder, officer, token)
    assert len(Audit(folder).entries()) == 1


def test_a_changed_seal_does_not_open(officer: Path, folder: Path) -> None:
    """Every byte of it counts, and so does the day it belongs to."""
    security_file(officer, folder).write(INCIDENT)
    private = read_private_key(officer)
    (path,) = (folder / "sealed").iterdir()
    whole = path.read_text()
    parts = json.loads(whole)
    for name in ("public", "sealed"):
        text = parts[name]
        changed = ("B" if text[0] == "A" else "A") + text[1:]
        with pytest.raises(SettingError, match="changed"):
            unseal(json.dumps({**parts, name: changed}), private, path.stem)
    with pytest.raises(SettingError):
        unseal(whole, private, path.stem.replace(DAY, "2026-09-20"))
    path.write_text(whole[:-9])
    with pytest.raises(SettingError):
        ask(folder, officer, lines(folder)[0]["ip"])


@given(st.text(max_size=200))
def test_no_text_is_a_seal(text: str) -> None:
    """Whatever lies there is refused in one way."""
    with pytest.raises(SettingError):
        unseal(text, PRIVATE, "label")


def _private() -> Any:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.generate()


PRIVATE = _private()


def test_two_seals_of_one_key_have_nothing_in_common() -> None:
    """Each has a key pair of its own."""
    one, other = (json.loads(seal(b"k" * 32, PRIVATE.public_key(), "x")) for _ in range(2))
    assert one["public"] != other["public"]
    assert one["sealed"] != other["sealed"]
    assert unseal(json.dumps(one), PRIVATE, "x") == b"k" * 32


@pytest.mark.requirement("LOG-06")
def test_what_is_too_old_is_gone_with_its_key(officer: Path, folder: Path) -> None:
    """Days are kept as the policy says, today counted; the sealed key goes first."""
    file = security_file(officer, folder, days=3)
    for day in range(6):
        file.write(replace(INCIDENT, at=NOW + day * DAY_SECONDS))
    days = sorted(path.name for path in folder.glob("day=*"))
    assert days == ["day=2026-09-24", "day=2026-09-25", "day=2026-09-26"]
    assert len(list((folder / "sealed").iterdir())) == 3
    gone = too_old(folder, days=1, today="2026-09-26")
    assert [path.parent.name for path in gone[:2]] == ["sealed", "sealed"]
    assert prune(folder, days=1, today="2026-09-26") == gone
    assert too_old(folder, days=1, today="2026-09-26") == []


def test_a_quiet_process_forgets_yesterdays_key(officer: Path, folder: Path) -> None:
    """No further incident is needed: the day's end is enough, and retention is kept too."""
    file = security_file(officer, folder, days=1)
    file.write(INCIDENT)
    file.tick(NOW)
    assert file._key is not None
    file.tick(NOW + DAY_SECONDS)
    assert file._key is None
    assert lines(folder) == []


def test_a_folder_that_cannot_be_written_costs_the_line(
    officer: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, counted, and nothing raises."""
    (tmp_path / "taken").write_text("a file")
    file = security_file(officer, tmp_path / "taken")
    file.write(INCIDENT)
    file.write(INCIDENT)
    assert file.lost == 2
    assert caplog.text.count("is not written") == 1
    assert "203.0.113" not in caplog.text


def test_the_trail_shows_what_was_changed(folder: Path) -> None:
    """A changed, moved or missing entry is named by its line, and nothing is added after it."""
    folder.mkdir()
    audit = Audit(folder)
    for number in range(3):
        audit.add({"reason": f"case {number}"})
    whole = audit.path.read_text()
    assert [entry["reason"] for entry in audit.entries()] == ["case 0", "case 1", "case 2"]
    first, second, third = whole.splitlines(keepends=True)
    for text, line in (
        (whole.replace("case 1", "case 9"), 2),
        (first + third, 2),
        (second + third, 1),
        (first + third + second, 2),
        (whole + "{}\n", 4),
    ):
        audit.path.write_text(text)
        with pytest.raises(LogError, match=rf"audit\.jsonl:{line}:"):
            audit.entries()
        with pytest.raises(LogError):
            audit.add({"reason": "after"})


def secured(policy: Policy, officer: Path, folder: Path) -> Policy:
    """The policy with a security log."""
    log = replace(
        policy.log,
        security_directory=str(folder),
        security_public_key=str(officer.with_suffix(".pub.pem")),
    )
    return replace(policy, log=log)


def visited(gate: ConsentGate, path: str = "/admin/jane@example.com", *more: Any) -> None:
    headers = [(b"user-agent", AGENT.encode()), *more]
    run(gate, http(path, headers=headers, query=b"email=jane@example.com", cookie="session=s3cr3t"))
    TICKER.finish()


@pytest.mark.requirement("LOG-05")
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, None),
        (302, None),
        (400, None),
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, None),
        (418, None),
        (429, "rate-limited"),
        (500, "server-error"),
        (503, "server-error"),
    ],
)
def test_only_what_an_attack_leaves_is_noted(
    status: int, reason: str | None, officer: Path, folder: Path, tmp_path: Path
) -> None:
    """Ordinary visits leave nothing; the two logs share no pseudonym, and nothing identifies."""
    gate = gated(json_answer(status=status), secured(SHOP, officer, folder), log=tmp_path / "log")
    visited(gate)
    gate.close()
    assert [line["reason"] for line in lines(folder)] == ([reason] if reason else [])
    written = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    for needle in ("jane", "s3cr3t", "Firefox", CLIENT[0]):
        assert needle not in written
    (record,) = records_in(tmp_path / "log")
    assert not {"ip", "agent"} & set(record)


def test_many_missing_pages_are_a_scan(officer: Path, folder: Path) -> None:
    """A wrong link is nobody's business; what follows ten in a minute is."""
    gate = gated(json_answer(status=404), secured(SHOP, officer, folder))
    for number in range(MISSING_A_MINUTE + 3):
        visited(gate, f"/wp-{number}.php")
    assert [line["reason"] for line in lines(folder)] == ["many-missing"] * 3


def test_the_address_is_the_clients(officer: Path, folder: Path) -> None:
    """Behind a trusted proxy it is the one that the proxy names; elsewhere that header is air."""
    policy = secured(SHOP, officer, folder)
    regimes = replace(policy.regimes, trusted_proxies=("192.0.2.0/24",))
    gate = gated(json_answer(status=403), replace(policy, regimes=regimes))
    visited(gate, "/", (b"x-forwarded-for", b"203.0.113.77"))
    assert ask(folder, officer, lines(folder)[0]["ip"]).address == "203.0.113.77"
    plain = folder.with_name("plain")
    visited(
        gated(json_answer(status=403), secured(SHOP, officer, plain)),
        "/",
        (b"x-forwarded-for", b"203.0.113.77"),
    )
    assert ask(plain, officer, lines(plain)[0]["ip"]).address == CLIENT[0]
