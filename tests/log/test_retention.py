"""Retention: summed up first, deleted on the day the policy says, and proven."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.cli import main
from consentgate.domain.policy.policy import Policy
from consentgate.log.counts.visits import VisitCounts
from consentgate.log.keeping import retention
from consentgate.log.keeping.compaction import compact
from consentgate.log.keeping.day_files import format_of
from consentgate.log.keeping.retention import Limits, prune
from consentgate.log.keeping.rollups import SMALL_CELL
from consentgate.log.keeping.tombstones import Tombstones
from consentgate.log.keeping.verifying import verify
from consentgate.log.naming.subject_keys import Subjects
from consentgate.log.writing.layout import Layout
from tests.log.test_compaction import FORMS, row, rows_in, wrote
from tests.policies import SHOP

TODAY = dt.date(2026, 11, 24)


def day(back: int) -> str:
    return str(TODAY - dt.timedelta(days=back))


def limits_of(*, eff: bool = False, **log: Any) -> Limits:
    site = replace(SHOP.site, eff_dnt_policy="dnt.txt" if eff else "")
    policy: Policy = replace(SHOP, site=site, log=replace(SHOP.log, directory="x", **log))
    return Limits.of(policy, TODAY)


def visitor(name: str, back: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "ts": f"{day(back)}T14:05Z",
        "tier": "T1",
        "status": 200,
        "visitor": f"100::{name}",
        **more,
    }


def sums_in(layout: Layout, kind: str) -> list[dict[str, Any]]:
    files = sorted(layout.counts.glob(f"day=*/{kind}-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.requirement("LOG-06")
@pytest.mark.parametrize(
    ("days", "back", "is_kept"),
    [(90, 0, True), (90, 89, True), (90, 90, False), (1, 0, True), (1, 1, False)],
)
def test_rows_go_on_their_day(days: int, back: int, is_kept: bool, tmp_path: Path) -> None:
    """Today counts: of 90 days, today and the 89 before it."""
    layout = wrote(tmp_path, row(day(back)))
    told = list(prune(layout, limits_of(event_retention_days=days)))
    assert bool(rows_in(layout)) is is_kept
    assert any("deleted" in line for line in told) is not is_kept
    assert (layout.events / f"day={day(back)}").exists() is is_kept


@pytest.mark.requirement("LOG-06")
def test_rows_are_summed_up_before_they_go(tmp_path: Path) -> None:
    """By tier and one dimension at a time; what few rows have is (other)."""
    many = [row(day(100), route="/", device="desktop", bytes=10) for _ in range(SMALL_CELL)]
    few = [visitor("a", 100, country="VU", status=404, q={"utm_source": "club"})]
    layout = wrote(tmp_path, *many, *few)
    list(prune(layout, limits_of()))
    sums = {(one["tier"], one["dim"], one["val"]): one["n"] for one in sums_in(layout, "rows")}
    assert sums["T0", "hits", ""] == SMALL_CELL
    assert sums["T0", "bytes", ""] == SMALL_CELL * 10
    assert sums["T0", "device", "desktop"] == SMALL_CELL
    assert sums["T1", "status", "404"] == 1
    assert sums["T1", "country", "(other)"] == 1
    assert sums["T1", "q.utm_source", "(other)"] == 1
    assert sums_in(layout, "visitors") == [{"day": day(100), "visitors": 1}]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"100::" not in kept
    assert b"VU" not in kept


@pytest.mark.requirement("LOG-06", "LOG-16")
@pytest.mark.parametrize("form", FORMS)
def test_visitors_are_counted_then_left_out(form: Any, tmp_path: Path) -> None:
    """After two days a number is left; no row links to another; later runs change nothing."""
    names = ("a", "b", "a")
    layout = wrote(tmp_path, *(visitor(name, 2) for name in names), visitor("c", 1))
    compact(layout, form=form)
    told = list(prune(layout, limits_of()))
    assert told == [
        f"events/day={day(2)}: 2 visitors counted, then left out (visitor_ttl_days = 2)"
    ]
    assert sums_in(layout, "visitors") == [{"day": day(2), "visitors": 2}]
    assert [one.get("visitor") for one in rows_in(layout)] == [None, None, None, "100::c"]
    assert list(prune(layout, limits_of())) == []


@pytest.mark.requirement("LOG-06", "SIG-33")
def test_who_attests_keeps_dnt_ten_days(tmp_path: Path) -> None:
    """Rows with DNT that an earlier policy let in go first; other rows stay."""
    signalled = {"sig": ["dnt"]}
    layout = wrote(
        tmp_path, row(day(9), **signalled), row(day(10), **signalled), row(day(10), sig=["gpc"])
    )
    assert list(prune(layout, limits_of())) == []
    assert len(list(prune(layout, limits_of(eff=True)))) == 1
    assert [one.get("sig") for one in rows_in(layout)] == [["gpc"], ["dnt"]]


@pytest.mark.requirement("LOG-06")
@pytest.mark.parametrize(("back", "is_kept"), [(759, True), (760, False)])
def test_sums_go_on_their_day(back: int, is_kept: bool, tmp_path: Path) -> None:
    """After 25 months, with the signals' sums."""
    layout = Layout.of(tmp_path)
    now = int(dt.datetime.fromisoformat(f"{day(back)}T12:00:00+00:00").timestamp())
    counts = VisitCounts(tmp_path, lambda agent: None)  # type: ignore[arg-type, return-value]
    counts.add("event", "x", now)
    counts.flush()
    list(prune(layout, limits_of()))
    assert (layout.counts / f"day={day(back)}").exists() is is_kept


@pytest.mark.requirement("LOG-06", "LOG-12")
def test_keys_and_tombstones_go_with_the_last_row(tmp_path: Path) -> None:
    """A key unused for longer than rows are kept leads to nothing any more."""
    layout = wrote(tmp_path, row(day(0)))
    subjects = Subjects(layout.subjects)
    old, used = "a" * 32, "b" * 32
    for reference, back in ((old, 95), (used, 10)):
        subjects.token(reference, "2026-08")
        at = dt.datetime.fromisoformat(f"{day(back)}T12:00:00+00:00").timestamp()
        os.utime(layout.subjects / reference[:2] / reference, (at, at))
    tombstones = Tombstones(layout)
    tombstones.add("subject", ["s1"], day(95))
    tombstones.add("subject", ["s2"], day(10))
    told = list(prune(layout, limits_of()))
    assert [line.partition(":")[0] for line in told] == ["state/tombstones.jsonl", "state/subjects"]
    assert subjects.key(old) is None
    assert subjects.key(used) is not None
    assert Tombstones(layout).values["subject"] == {"s2"}


def test_a_dry_run_changes_nothing_and_says_what_would_be(tmp_path: Path) -> None:
    """The same days, in the conditional."""
    layout = wrote(tmp_path, row(day(100)), visitor("a", 5), row(day(20), sig=["dnt"]))
    compact(layout)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    told = list(prune(layout, limits_of(eff=True), is_dry=True))
    assert [line for line in told if "would be" in line] == told
    assert [line.partition(":")[0][-10:] for line in told] == [day(100), day(20), day(5)]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_small_files_of_sums_become_one(tmp_path: Path) -> None:
    """A day that is over has one file a kind, whatever step its merging was broken off at."""
    layout = Layout.of(tmp_path)
    now = int(dt.datetime.fromisoformat(f"{day(3)}T12:00:00+00:00").timestamp())
    for _ in range(3):
        counts = VisitCounts(tmp_path, lambda agent: None)  # type: ignore[arg-type, return-value]
        counts.add("event", "x", now)
        counts.flush()
        compact(layout)
    assert len(sums_in(layout, "visits")) == 3
    list(prune(layout, limits_of()))
    assert [one["n"] for one in sums_in(layout, "visits")] == [3]


class Crash(BaseException):
    """The machine stops here."""


@pytest.mark.parametrize("name", ["roll_up", "count_visitors", "strip_column", "settle", "rmtree"])
def test_a_run_may_stop_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off after any of its steps, the next run has the same sums."""
    layout = wrote(
        tmp_path, row(day(100)), row(day(100)), visitor("a", 100), visitor("a", 5), visitor("b", 5)
    )
    place = retention.shutil if name == "rmtree" else retention
    real = getattr(place, name)

    def stops(*given: Any, **named: Any) -> Any:
        if name != "rmtree":
            real(*given, **named)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(place, name, stops)
        with pytest.raises(Crash):
            list(prune(layout, limits_of()))
    list(prune(layout, limits_of()))
    hits = Counter[str]()
    for one in sums_in(layout, "rows"):
        if one["dim"] == "hits":
            hits[one["tier"]] += one["n"]
    assert hits == {"T0": 2, "T1": 1}
    assert {one["day"]: one["visitors"] for one in sums_in(layout, "visitors")} == {
        day(100): 1,
        day(5): 2,
    }
    assert list(verify(layout, limits_of())) == []


def clean(folder: Path) -> Layout:
    os.chmod(folder, 0o750)
    layout = wrote(folder, row(day(0)), visitor("a", 1), row(day(80)))
    compact(layout)
    return layout


def test_a_log_in_order_is_proven(tmp_path: Path) -> None:
    """Nothing is found, also while a worker writes."""
    layout = clean(tmp_path)
    assert list(verify(layout, limits_of())) == []


def _older_rows(layout: Layout) -> None:
    wrote(layout.root, row(day(95)))
    compact(layout)


def _older_segment(layout: Layout) -> None:
    wrote(layout.root, row(day(95)))


def _stale_segment(layout: Layout) -> None:
    wrote(layout.root, row(day(5)))


def _named_visitors(layout: Layout) -> None:
    wrote(layout.root, visitor("a", 5))
    compact(layout)


def _dnt(layout: Layout) -> None:
    wrote(layout.root, row(day(20), sig=["dnt"]))
    compact(layout)


def _older_sums(layout: Layout) -> None:
    (layout.counts / f"day={day(800)}").mkdir(mode=0o750)


def _open_file(layout: Layout) -> None:
    next(layout.events.glob("day=*/part-*")).chmod(0o644)


def _open_key(layout: Layout) -> None:
    (layout.state / "lock").chmod(0o640)


def _writable(layout: Layout) -> None:
    layout.events.chmod(0o770)


def _torn_part(layout: Layout) -> None:
    path = next(layout.events.glob("day=*/part-*"))
    path.write_bytes(path.read_bytes()[:-9])


def _wrong_day(layout: Layout) -> None:
    folder = layout.events / f"day={day(3)}"
    folder.mkdir(mode=0o750)
    part = next(layout.events.glob(f"day={day(0)}/part-*"))
    part.rename(folder / part.name)


def _foreign_line(layout: Layout) -> None:
    wrote(layout.root, row(day(0)))
    with next(layout.closed.iterdir()).open("ab") as file:
        file.write(b"203.0.113.77 - -\n")


def _broken_off(layout: Layout) -> None:
    (layout.state / "compacting.json").write_text("{}")
    (layout.state / "compacting.json").chmod(0o600)


def _left_over(layout: Layout) -> None:
    path = layout.events / "part-x.parquet.tmp"
    path.write_bytes(b"")
    path.chmod(0o640)


FOUND = [
    (_older_rows, "older than allowed (event_retention_days = 90)"),
    (_older_segment, "event_retention_days = 90); run consentgate log prune"),
    (_stale_segment, "not compacted since"),
    (_named_visitors, "1 rows name a visitor (visitor_ttl_days = 2)"),
    (_dnt, "1 rows of visitors with DNT"),
    (_older_sums, "older than allowed (count_retention_days = 760)"),
    (_open_file, "mode 0644; expected 0640"),
    (_open_key, "mode 0640; expected 0600"),
    (_writable, "mode 0770; expected 0750"),
    (_torn_part, "cannot be read whole"),
    (_wrong_day, "1 rows that are no cg2 records of"),
    (_foreign_line, "0 torn and 1 foreign lines"),
    (_broken_off, "a job was broken off"),
    (_left_over, "left by a job that was broken off"),
]


@pytest.mark.requirement("LOG-06", "LOG-09")
@pytest.mark.parametrize(("spoil", "words"), FOUND, ids=[case[0].__name__ for case in FOUND])
def test_what_is_not_in_order_is_found(spoil: Any, words: str, tmp_path: Path) -> None:
    """One sentence, with the file and what to do; no line of the file is quoted."""
    layout = clean(tmp_path)
    spoil(layout)
    (found,) = verify(layout, limits_of(eff=True))
    assert words in found
    assert "203.0.113.77" not in found


def test_a_torn_gzip_is_found_too(tmp_path: Path) -> None:
    """Both formats are read whole."""
    layout = wrote(tmp_path, row(day(0)))
    compact(layout, form=FORMS[1].values[0])
    tmp_path.chmod(0o750)
    _torn_part(layout)
    (found,) = verify(layout, limits_of())
    assert "cannot be read whole" in found


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "consentgate.toml"
    path.write_text(
        'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
        f'[log]\ndirectory = "{tmp_path}/log"\nlongitudinal = true\n'
        '[purpose.recognition]\ntitle = "Recognition"\ndescription = "To know how many of our readers return within a month."\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.requirement("LOG-06")
def test_the_commands_prune_and_then_prove(
    policy_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``verify`` fails before ``prune`` and not after it."""
    old = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=91))
    wrote(tmp_path / "log", row(old))
    policy = ["--policy", str(policy_file)]
    assert main(["log", "verify", *policy]) == 1
    assert "1 found; allowed: event_retention_days = 90" in capsys.readouterr().out
    assert main(["log", "prune", *policy]) == 0
    assert f"events/day={old}: 1 parts summed up and deleted" in capsys.readouterr().out
    assert main(["log", "verify", *policy, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["found"] == []


def test_no_log_is_no_proof(policy_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong path must not look like a clean log."""
    assert main(["log", "verify", "--policy", str(policy_file)]) == 2
    assert "no site log is there yet" in capsys.readouterr().err


@pytest.mark.requirement("LOG-10")
def test_the_inventory_covers_every_sink(
    policy_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made of the policy: places, what they hold, how long, who may read."""
    assert main(["log", "fields", "--policy", str(policy_file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    places = {one["name"]: one for one in told["sinks"]}
    assert set(places) == {
        "site log",
        "visitors of a day",
        "key of the day",
        "sums",
        "keys of subjects",
        "erasures",
        "manifest",
        "security log",
        "server's own access log",
    }
    assert places["site log"]["kept"] == "90 days"
    assert places["security log"]["place"] == "(off)"
    layout = wrote(tmp_path / "log", row(day(0)))
    Subjects(layout.subjects).token("a" * 32, "2026-11")
    compact(layout)
    held = {str(path) for path in layout.root.iterdir()} - {str(layout.state)}
    named = " ".join(one["place"] for one in told["sinks"])
    assert all(path in named for path in held), held


def test_parts_are_read_by_their_names(tmp_path: Path) -> None:
    """Whatever else lies in a day's folder is refused, with a remedy."""
    with pytest.raises(Exception, match="move it out of the site log"):
        format_of(tmp_path / "part-1.csv")
