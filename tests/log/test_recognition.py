"""Visitors without cookies: one name a day, no way back; and subjects who agreed to more."""

from __future__ import annotations

import ipaddress
import json
import multiprocessing
import stat
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Policy
from consentgate.domain.policy.purposes import Purpose
from consentgate.formats.headers.ip_addresses import packed_address
from consentgate.log.naming.day_key import Ratchet
from consentgate.log.naming.subject_keys import Subjects
from consentgate.log.naming.visitor_names import visitor_name
from consentgate.log.writing.background import TICKER
from tests import site_logs
from tests.asgi import raw
from tests.log.test_tiers import ADDRESS, GRANTED, HEADERS, NOW, Kept, visit_of
from tests.log.written import sums_in
from tests.policies import SHOP

DAY = NOW // 86_400
KEY = b"k" * 32
REFERENCE = "0123456789abcdef" * 2


def test_a_day_has_one_key_and_the_day_before_none(tmp_path: Path) -> None:
    """The chain turns one way; who asks for yesterday gets nothing, in any process."""
    ratchet = Ratchet(tmp_path)
    first = ratchet.key(DAY)
    assert first is not None
    assert ratchet.key(DAY) == Ratchet(tmp_path).key(DAY) == first
    second = ratchet.key(DAY + 1)
    assert second not in (None, first)
    assert ratchet.key(DAY) is None
    assert Ratchet(tmp_path).key(DAY) is None


@pytest.mark.requirement("LOG-16")
def test_only_the_newest_key_is_on_disk(tmp_path: Path) -> None:
    """Mode 0600, and nothing of it from which an earlier key could be made."""
    ratchet = Ratchet(tmp_path / "state")
    ratchet.key(DAY)
    before = json.loads(ratchet.path.read_text())["key"]
    ratchet.key(DAY + 1)
    files = [path for path in (tmp_path / "state").iterdir() if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert before not in "".join(path.read_text() for path in files)


def test_a_copied_first_key_gives_hosts_the_same_days(tmp_path: Path) -> None:
    """The operator copies the file once; both chains turn alike, also over skipped days."""
    one, other = Ratchet(tmp_path / "a"), Ratchet(tmp_path / "b")
    one.key(DAY)
    other.path.parent.mkdir()
    other.path.write_bytes(one.path.read_bytes())
    one.key(DAY + 1)
    assert one.key(DAY + 5) == other.key(DAY + 5) is not None


def _tell_key(folder: Path, told: Queue[bytes | None]) -> None:
    told.put(Ratchet(folder).key(DAY))


def test_four_processes_derive_one_key(tmp_path: Path) -> None:
    """Whoever is first makes it, the others read it."""
    spawn = multiprocessing.get_context("spawn")
    told: Queue[bytes | None] = spawn.Queue()
    workers = [spawn.Process(target=_tell_key, args=(tmp_path, told)) for _ in range(4)]
    for worker in workers:
        worker.start()
    keys = {told.get(timeout=30) for _ in workers}
    for worker in workers:
        worker.join()
    assert len(keys) == 1
    assert None not in keys


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{}", "is no ratchet"),
        (b"\xff", "is no ratchet"),
        (json.dumps({"day": DAY, "key": "00"}).encode(), "has not 32 bytes"),
        (json.dumps({"day": DAY + 9, "key": "00" * 32}).encode(), "later than today"),
    ],
)
def test_a_broken_ratchet_names_nobody(
    content: bytes, problem: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, with what to do, and the site goes on."""
    (tmp_path / "ratchet").write_bytes(content)
    ratchet = Ratchet(tmp_path)
    assert ratchet.key(DAY) is None
    ratchet._retry_at = 0.0
    assert ratchet.key(DAY) is None
    assert len(caplog.records) == 1
    assert problem in caplog.text
    assert "delete" in caplog.text


def test_a_folder_that_cannot_be_written_names_nobody(tmp_path: Path) -> None:
    """No key, no name."""
    (tmp_path / "file").write_text("")
    assert Ratchet(tmp_path / "file").key(DAY) is None


@pytest.mark.requirement("LOG-16")
@given(st.binary(min_size=16, max_size=16), st.text(max_size=40), st.text(max_size=40))
def test_a_name_is_an_address_that_leads_nowhere(address: bytes, agent: str, site: str) -> None:
    """In 100::/64, the same for the same visitor, another under another key."""
    name = visitor_name(KEY, address, agent, "s" + site.encode("utf-8", "ignore").decode())
    assert ipaddress.ip_address(name) in ipaddress.ip_network("100::/64")
    assert str(ipaddress.ip_address(name)) == name
    again = visitor_name(b"x" * 32, address, agent, "s" + site.encode("utf-8", "ignore").decode())
    assert again != name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b"\x01" * 4, "ab", "c"), (b"\x01" * 4, "a", "bc")),
        ((b"\x01" * 4, "a", "b"), (b"\x02" * 4, "a", "b")),
        ((b"\x01" * 4, "", "ab"), (b"\x01" * 4, "ab", "")),
        ((b"\x01" * 4, "a1:b", "c"), (b"\x01" * 4, "a", "1:bc")),
    ],
)
def test_moving_a_border_makes_another_visitor(one: Any, other: Any) -> None:
    """Each part is preceded by its length."""
    assert visitor_name(KEY, *one) != visitor_name(KEY, *other)


@pytest.mark.requirement("LOG-02")
@pytest.mark.parametrize("text", ["::ffff:203.0.113.7", "[::ffff:203.0.113.7]:80", "203.0.113.7:4"])
def test_one_address_has_one_name_however_it_is_written(text: str) -> None:
    """Mapped addresses, brackets and ports are undone before the name is made."""
    address = packed_address(text)
    assert address is not None
    plain = visitor_name(KEY, bytes((203, 0, 113, 7)), "a", "s")
    assert visitor_name(KEY, address, "a", "s") == plain


def policy_at(folder: Path, **more: Any) -> Policy:
    log = replace(SHOP.log, directory=str(folder), **more)
    recognition = Purpose(key="recognition", is_tracking=True)
    return replace(SHOP, log=log, purposes=(*SHOP.purposes, recognition))


def recognition_of(policy: Policy) -> Recognition:
    return Recognition(policy, lambda visit: bytes((203, 0, 113, 77)), lambda id: REFERENCE)


def note(policy: Policy, *visits: Any) -> list[dict[str, Any]]:
    sink = Kept()
    log = SiteLog(policy, sink, recognition=recognition_of(policy))
    for visit in visits:
        log.note(visit, 1)
    TICKER.finish()
    return sink.records


@pytest.mark.requirement("LOG-04", "LOG-15", "LOG-16")
def test_only_who_granted_statistics_has_a_name(tmp_path: Path) -> None:
    """The same visitor has the same name all day; without a grant, or with a signal, none."""
    policy = policy_at(tmp_path)
    one, two, silent, signalled = note(
        policy,
        visit_of(choice=GRANTED, policy=policy),
        visit_of(choice=GRANTED, policy=policy, path="/other"),
        visit_of(policy=policy),
        visit_of({**HEADERS, "dnt": "1"}, choice=GRANTED, policy=policy),
    )
    assert one["visitor"] == two["visitor"]
    assert one["visitor"].startswith("100::")
    assert "visitor" not in silent
    assert "visitor" not in signalled


@pytest.mark.requirement("STO-10")
def test_nobody_is_known_again_the_next_day(tmp_path: Path) -> None:
    """The same address and agent: another name each day, and none at all without a grant."""
    policy = policy_at(tmp_path)
    days = [NOW, NOW + 86_400]
    today, tomorrow, silent = note(
        policy,
        *(visit_of(choice=GRANTED, policy=policy, now=day) for day in days),
        visit_of(policy=policy, now=days[1]),
    )
    assert today["visitor"] != tomorrow["visitor"]
    assert "visitor" not in silent


@pytest.mark.requirement("LOG-04", "LOG-15")
def test_the_address_of_others_is_not_even_read(tmp_path: Path) -> None:
    """Without a grant of statistics nobody asks for it."""
    asked: list[Any] = []
    policy = policy_at(tmp_path)
    log = SiteLog(
        policy, Kept(), recognition=Recognition(policy, asked.append, lambda id: REFERENCE)
    )
    log.note(visit_of(policy=policy), 1)
    log.note(visit_of({**HEADERS, "user-agent": "GPTBot/1.2"}, policy=policy), 1)
    TICKER.finish()
    assert asked == []
    log.note(visit_of(choice=GRANTED, policy=policy), 1)
    TICKER.finish()
    TICKER.finish()
    assert len(asked) == 1


@pytest.mark.requirement("SIG-12")
@pytest.mark.parametrize("signal", ["sec-gpc", "dnt", "sec-purpose"])
def test_a_signal_is_no_input_of_the_name(signal: str, tmp_path: Path) -> None:
    """Who sends one is not told apart by it, where ``as-none`` lets them be named at all."""
    known = recognition_of(policy_at(tmp_path, signals_mode="as-none"))
    plain = known.visitor(visit_of(choice=GRANTED))
    assert known.visitor(visit_of({**HEADERS, signal: "1"}, choice=GRANTED)) == plain != ""


@pytest.mark.requirement("LOG-01")
def test_no_raw_fact_is_in_the_files(tmp_path: Path) -> None:
    """Neither address nor agent, in any of the log's files."""
    policy = policy_at(tmp_path)
    log = SiteLog.open(policy, recognition=recognition_of(policy))
    log.note(visit_of(choice=GRANTED, policy=policy), 1)
    TICKER.finish()
    log.close()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"100::" in held
    for fact in (ADDRESS.encode(), bytes((203, 0, 113, 77)), b"Mozilla", b"cb00714d"):
        assert fact not in held


RECOGNISED = replace(GRANTED, purposes={"statistics": True, "recognition": True})


def test_a_subject_needs_its_own_purpose_and_the_setting(tmp_path: Path) -> None:
    """T2 is off by default, and off for whoever granted statistics alone."""
    off, on = policy_at(tmp_path), policy_at(tmp_path, is_longitudinal=True)
    assert note(off, visit_of(choice=RECOGNISED, policy=off))[0]["tier"] == "T1"
    assert note(on, visit_of(choice=GRANTED, policy=on))[0]["tier"] == "T1"
    (record,) = note(on, visit_of(choice=RECOGNISED, policy=on))
    assert record["tier"] == "T2"
    assert record["subject"] == Subjects(tmp_path / "state/subjects").token(REFERENCE, "2026-09")


def test_a_subject_is_another_each_month_and_gone_with_its_key(tmp_path: Path) -> None:
    """Months do not link without the key; a shredded key is never made again."""
    subjects = Subjects(tmp_path)
    september = subjects.token(REFERENCE, "2026-09")
    assert subjects.token(REFERENCE, "2026-10") != september
    assert Subjects(tmp_path).token(REFERENCE, "2026-09") == september
    key = subjects.key(REFERENCE)
    assert key is not None
    assert subjects.shred(REFERENCE)
    assert subjects.token(REFERENCE, "2026-09") == ""
    assert subjects.is_shredded(REFERENCE)
    assert not subjects.shred(REFERENCE)
    assert all(key not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def _tell_token(folder: Path, told: Queue[str]) -> None:
    told.put(Subjects(folder).token(REFERENCE, "2026-09"))


def test_several_processes_make_one_key(tmp_path: Path) -> None:
    """Whoever is first."""
    spawn = multiprocessing.get_context("spawn")
    told: Queue[str] = spawn.Queue()
    workers = [spawn.Process(target=_tell_token, args=(tmp_path, told)) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert len({told.get(timeout=30) for _ in workers}) == 1
    for worker in workers:
        worker.join()


@pytest.mark.parametrize("reference", ["", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33])
def test_a_reference_is_no_path(reference: str, tmp_path: Path) -> None:
    """Whatever is no reference names nobody and reaches no file."""
    assert Subjects(tmp_path).token(reference, "2026-09") == ""
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        Subjects(tmp_path).key(reference)


def choice_of(id: str, **purposes: bool) -> Choice:
    return Choice(made_at=NOW, purposes=purposes, id=id)


@pytest.mark.requirement("LOG-12")
@pytest.mark.parametrize(
    ("after", "is_kept"),
    [
        (choice_of("b", recognition=True, statistics=True), True),
        (choice_of("b", recognition=False, statistics=True), False),
        (choice_of("", recognition=False), False),
        (choice_of("a", recognition=True), True),
    ],
    ids=["granted anew", "purpose withdrawn", "all withdrawn", "the same choice"],
)
def test_withdrawing_shreds_the_key(after: Choice, is_kept: bool, tmp_path: Path) -> None:
    """At once; who grants anew goes on under the same key."""
    policy = policy_at(tmp_path, is_longitudinal=True)
    known = Recognition(policy, lambda visit: None, lambda id: id * 32 if id else "")
    token = known.subjects.token("a" * 32, "2026-09")
    known.follow(choice_of("a", recognition=True), after)
    found = known.subjects.token(after.id * 32, "2026-09") if after.id else ""
    assert (found == token) is is_kept
    assert known.subjects.is_shredded("a" * 32) is (not is_kept)


def test_a_name_can_always_be_told_from_an_unknown_address(tmp_path: Path) -> None:
    """A Unix socket or a broken proxy header: no name, and the record is whole otherwise."""
    policy = policy_at(tmp_path)
    sink = Kept()
    known = Recognition(policy, lambda visit: None, lambda id: REFERENCE)
    SiteLog(policy, sink, recognition=known).note(visit_of(choice=GRANTED, policy=policy), 1)
    TICKER.finish()
    assert sink.records[0]["tier"] == "T1"
    assert "visitor" not in sink.records[0]


@pytest.mark.requirement("LOG-12", "LOG-15")
def test_a_withdrawal_at_the_gate_shreds_the_key_and_is_counted(tmp_path: Path) -> None:
    """From the form to the file: T2 while it is granted, then no key, no name and no row."""
    gate = raw.gated(raw.page(), policy_at(tmp_path, is_longitudinal=True), log=tmp_path)
    cookie = raw.chosen(gate, choice="accept")
    raw.run(gate, raw.http(headers=[(b"user-agent", b"Mozilla/5.0 Firefox/127.0")], cookie=cookie))
    TICKER.finish()
    (key,) = (tmp_path / "state/subjects").glob("??/*")
    assert len(key.read_bytes()) == 32
    assert "T2" in {record["tier"] for record in site_logs.records(tmp_path)}
    scope, sent = raw.form(gate.assembly.prefix, {"choice": "withdraw"}, cookie=cookie)
    assert raw.run(gate, scope, sent).status == 303
    (mark,) = (tmp_path / "state/subjects").glob("??/*")
    assert (mark.read_bytes(), mark.name == key.name) == (b"shredded", False)
    gate.close()
    assert "T2" not in {record["tier"] for record in site_logs.records(tmp_path)}
    assert sums_in(tmp_path, "choice") == {"accept": 1, "withdraw": 1}
