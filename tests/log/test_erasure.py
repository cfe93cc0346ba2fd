"""Erasure: no byte under the person's names is left, and none comes back."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.recording.site_log import SiteLog
from consentgate.cli import main
from consentgate.errors import LogError
from consentgate.log.keeping.compaction import compact
from consentgate.log.keeping.erasure import Names, erase, months_back, names_of_subject, rows_with
from consentgate.log.keeping.retention import Limits, prune
from consentgate.log.keeping.tombstones import Tombstones
from consentgate.log.naming.subject_keys import Subjects
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import SegmentFile
from tests.log.test_compaction import FORMS, row, rows_in, wrote
from tests.log.test_recognition import RECOGNISED, policy_at
from tests.log.test_tiers import GRANTED, NOW, visit_of

TODAY = dt.date(2026, 9, 21)
REFERENCE, OTHER = "a1" * 16, "b2" * 16
MONTHS = ["2026-08", "2026-09"]


def t2(layout: Layout, reference: str, ts: str, **more: Any) -> dict[str, Any]:
    token = Subjects(layout.subjects).token(reference, ts[:7])
    return {"ts": f"{ts}T14:05Z", "tier": "T2", "status": 200, "subject": token, **more}


def log_of_two(folder: Path, form: Any) -> tuple[Layout, SegmentFile]:
    """Two subjects and somebody else in parts of two months, a closed and a live segment."""
    layout = Layout.of(folder)
    both = [
        t2(layout, who, ts) for who in (REFERENCE, OTHER) for ts in ("2026-08-30", "2026-09-20")
    ]
    wrote(folder, *both, row("2026-09-20"), row("2026-09-19"))
    compact(layout, form=form)
    wrote(folder, t2(layout, REFERENCE, "2026-09-21"), t2(layout, OTHER, "2026-09-21"))
    live = SegmentFile(folder)
    live.write(t2(layout, REFERENCE, "2026-09-21", path="/live"))
    live.write(t2(layout, OTHER, "2026-09-21", path="/live"))
    return layout, live


def is_left(layout: Layout, names: Names) -> bool:
    """Whether a name stands in any file, decoded or not, but for the tombstones."""
    values = {value for values in names.values() for value in values}
    raw = b"".join(
        path.read_bytes()
        for path in layout.root.rglob("*")
        if path.is_file() and path.name != "tombstones.jsonl"
    )
    rows = [one.get("subject", one.get("visitor")) for one in rows_in(layout)]
    return any(value.encode() in raw for value in values) or bool(values & set(rows))


@pytest.mark.requirement("LOG-12")
@pytest.mark.parametrize("form", FORMS)
def test_an_erased_subject_is_in_no_file(form: Any, tmp_path: Path) -> None:
    """Parts, closed and live segments, and the key; the others' rows stay, and writing goes on."""
    layout, live = log_of_two(tmp_path, form)
    names = names_of_subject(layout, REFERENCE, MONTHS)
    assert len(list(rows_with(layout, names))) == 4
    done = erase(layout, names, TODAY, reference=REFERENCE)
    assert (done.rows, done.had_key) == (4, True)
    assert not is_left(layout, names)
    live.write(row("2026-09-21"))
    live.close()
    assert compact(layout, form=form).found.rows == 3
    assert len(rows_in(layout)) == 7
    assert len(list(rows_with(layout, names_of_subject(layout, OTHER, MONTHS)))) == 4
    assert Subjects(layout.subjects).key(REFERENCE) is None


@pytest.mark.requirement("LOG-12")
def test_only_matching_parts_are_made_anew(tmp_path: Path) -> None:
    """A day without the subject keeps its file, byte for byte."""
    layout, live = log_of_two(tmp_path, FORMS[0].values[0])
    live.close()
    before = {path: path.stat().st_ino for _, path in layout.parts()}
    erase(layout, names_of_subject(layout, REFERENCE, MONTHS), TODAY, reference=REFERENCE)
    same = {path.parent.name for path, inode in before.items() if path.stat().st_ino == inode}
    assert same == {"day=2026-09-19"}


@pytest.mark.requirement("LOG-12")
@pytest.mark.parametrize("form", FORMS)
def test_a_restored_backup_is_filtered_again(form: Any, tmp_path: Path) -> None:
    """Old parts and segments come back; the next compaction drops the rows once more."""
    layout, live = log_of_two(tmp_path / "log", form)
    live.close()
    backup = shutil.copytree(layout.events, tmp_path / "events")
    closed = shutil.copytree(layout.closed, tmp_path / "closed")
    names = names_of_subject(layout, REFERENCE, MONTHS)
    erase(layout, names, TODAY, reference=REFERENCE)
    compact(layout, form=form)
    shutil.rmtree(layout.events)
    shutil.copytree(backup, layout.events)
    shutil.copytree(closed, layout.closed, dirs_exist_ok=True)
    assert is_left(layout, names)
    assert compact(layout, form=form).erased == 4
    assert not is_left(layout, names)


class Crash(BaseException):
    """The machine stops here."""


@pytest.mark.requirement("LOG-12")
@pytest.mark.parametrize("name", ["add", "blank", "apply"])
def test_an_erasure_that_was_broken_off_is_finished(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each of its steps: calling it again leaves nothing."""
    layout, live = log_of_two(tmp_path, FORMS[0].values[0])
    live.close()
    names = names_of_subject(layout, REFERENCE, MONTHS)
    real = getattr(Tombstones, name)

    def stops(*given: Any) -> Any:
        real(*given)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(Tombstones, name, stops)
        with pytest.raises(Crash):
            erase(layout, names, TODAY, reference=REFERENCE)
    again = names_of_subject(layout, REFERENCE, MONTHS)
    erase(layout, again, TODAY, reference=REFERENCE)
    assert not is_left(layout, names)
    assert Subjects(layout.subjects).is_shredded(REFERENCE)


@pytest.mark.requirement("LOG-12")
def test_an_erased_subject_is_never_named_again(tmp_path: Path) -> None:
    """Who still holds the old token is counted as anyone who granted statistics."""
    policy = policy_at(tmp_path, is_longitudinal=True)
    known = Recognition(policy, lambda visit: b"\x01" * 4, lambda id: REFERENCE)
    log = SiteLog.open(policy, recognition=known)
    visit = visit_of(choice=RECOGNISED, policy=policy)
    log.note(visit, 1)
    layout = Layout.of(tmp_path)
    assert known.erase(visit) == 1
    log.note(visit, 1)
    log.close()
    compact(layout)
    assert rows_in(layout) == []
    assert not (layout.subjects / REFERENCE[:2] / REFERENCE).exists()
    assert Subjects(layout.subjects).is_shredded(REFERENCE)


@pytest.mark.requirement("LOG-12")
def test_a_visitor_of_today_is_known_by_their_own_request(tmp_path: Path) -> None:
    """The same address and agent give the rows, and erase them; another visitor's stay."""
    policy = policy_at(tmp_path)
    addresses = {"/mine": b"\x01" * 4, "/theirs": b"\x02" * 4}
    known = Recognition(policy, lambda visit: addresses[visit.request.whole_path], lambda id: "")
    log = SiteLog.open(policy, recognition=known)
    mine, theirs = (visit_of(choice=GRANTED, policy=policy, path=path) for path in addresses)
    for visit in (mine, theirs, mine):
        log.note(visit, 1)
    assert [one["path"] for one in known.rows(mine)] == ["/mine"] * 2
    assert known.erase(mine) == 2
    assert known.rows(mine) == []
    assert [one["path"] for one in known.rows(theirs)] == ["/theirs"]
    log.close()


def test_yesterdays_visitor_is_nobody(tmp_path: Path) -> None:
    """The key is gone: there is nothing to give out and nothing to erase."""
    policy = policy_at(tmp_path)
    known = Recognition(policy, lambda visit: b"\x01" * 4, lambda id: "")
    log = SiteLog.open(policy, recognition=known)
    visit = visit_of(choice=GRANTED, policy=policy)
    log.note(visit, 1)
    log.close()
    visit = visit._replace(now=NOW + 86_400)
    assert known.rows(visit) == []
    assert known.erase(visit) == 0
    assert len(list(rows_with(Layout.of(tmp_path), {"visitor": []}))) == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("job", ["erase", "export", "prune", "compact"])
def test_a_damaged_part_is_named(job: str, form: Any, tmp_path: Path) -> None:
    """Whatever comes upon it says which file it is and what to do, and no Python trace."""
    layout, live = log_of_two(tmp_path, form)
    live.close()
    names = names_of_subject(layout, REFERENCE, MONTHS)
    Tombstones(layout).add("visitor", ["100::1"], "2026-09-21")
    path = next(path for _, path in layout.parts())
    path.write_bytes(path.read_bytes()[:-20])
    policy = policy_at(tmp_path)
    jobs: dict[str, Callable[[], object]] = {
        "erase": lambda: erase(layout, names, TODAY),
        "export": lambda: list(rows_with(layout, names)),
        "prune": lambda: list(prune(layout, Limits.of(policy, dt.date(2026, 12, 31)))),
        "compact": lambda: compact(layout, form=form),
    }
    with pytest.raises(LogError, match=f"{path.name}: cannot be read whole"):
        jobs[job]()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("tombstones.jsonl", "{", "restore it from a backup"),
        ("tombstones.jsonl", "[]", "restore it from a backup"),
        ("compacting.json", "{", "then delete it"),
        ("compacting.json", "{}", "then delete it"),
    ],
)
def test_a_damaged_state_is_named(name: str, content: str, words: str, tmp_path: Path) -> None:
    """Nothing goes on by a state that cannot be read."""
    layout = wrote(tmp_path, row("2026-09-20"))
    (layout.state / name).write_text(content)
    with pytest.raises(LogError, match=words):
        compact(layout)
    assert len(list(layout.closed.iterdir())) == 1


@pytest.mark.parametrize(
    ("today", "days", "months"),
    [
        (dt.date(2026, 9, 21), 1, ["2026-09"]),
        (dt.date(2026, 1, 5), 30, ["2025-12", "2026-01"]),
        (dt.date(2026, 9, 21), 90, ["2026-06", "2026-07", "2026-08", "2026-09"]),
    ],
)
def test_every_month_that_rows_may_be_of(today: dt.date, days: int, months: list[str]) -> None:
    """As long as rows are kept, across the year's end."""
    assert months_back(today, days) == months


@pytest.mark.parametrize(
    ("reference", "words"),
    [("../../etc", "expected 32 hexadecimal digits"), ("c3" * 16, "keeps nothing under it")],
)
def test_a_wrong_reference_is_said(reference: str, words: str, tmp_path: Path) -> None:
    """One clear error, before anything is touched."""
    with pytest.raises(LogError, match=words):
        names_of_subject(Layout.of(tmp_path), reference, MONTHS)


def test_the_commands_export_and_erase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows as JSON lines, then nothing; a second erasure finds the key shredded."""
    path = tmp_path / "consentgate.toml"
    path.write_text(
        'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
        f'[log]\ndirectory = "{tmp_path}/log"\n'
    )
    layout = Layout.of(tmp_path / "log")
    today = str(dt.datetime.now(dt.UTC).date())
    wrote(layout.root, t2(layout, REFERENCE, today), row(today))
    options = ["--policy", str(path), "--subject", REFERENCE]
    assert main(["log", "export-subject", *options]) == 0
    told = capsys.readouterr()
    assert [json.loads(line)["tier"] for line in told.out.splitlines()] == ["T2"]
    assert told.err == "1 rows\n"
    assert main(["log", "erase", *options]) == 0
    assert "1 rows erased, key shredded;" in capsys.readouterr().out
    assert main(["log", "erase", *options]) == 0
    assert "0 rows erased, key shredded before" in capsys.readouterr().out
    assert main(["log", "erase", *options[:-1], "x"]) == 2


def test_without_a_folder_nothing_is_kept_of_anyone() -> None:
    """Standard output, or no log: the answer is empty, and no file is looked for."""
    policy = policy_at(Path("-"), is_longitudinal=True)
    policy = replace(policy, log=replace(policy.log, directory="-"))
    known = Recognition(policy, lambda visit: b"\x01" * 4, lambda id: REFERENCE)
    visit = visit_of(choice=RECOGNISED, policy=policy)
    assert (known.visitor(visit), known.rows(visit), known.erase(visit)) == ("", [], 0)
