"""How well rows hide in each other, by command."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from consentgate.cli import main
from consentgate.log.aging.auditing import ALONE, audit
from consentgate.log.keeping.compaction import compact
from consentgate.log.keeping.reading import FIRST_DAY, LAST_DAY
from consentgate.log.writing.layout import Layout
from consentgate.log.writing.segment import SegmentFile
from tests.log.test_operator import policy_in
from tests.log.test_parting import row
from tests.report.traffic import Traffic, write_log


def test_what_is_alone_is_counted(tmp_path: Path) -> None:
    """Cells below five, and rows that size and duration tell apart; compaction ends the latter."""
    sink = SegmentFile(tmp_path)
    for number in range(40):
        sink.write(row(number, ts="2026-09-21T14:00:00Z", device="desktop"))
    sink.write(row(41, ts="2026-09-21T15:00:00Z", device="tablet"))
    sink.close()
    shares = [one.percent for one in audit(Layout.of(tmp_path), FIRST_DAY, LAST_DAY)]
    assert shares == [2.4, 2.4, 100.0, 0.0, 0.0]
    compact(Layout.of(tmp_path))
    assert len(audit(Layout.of(tmp_path), FIRST_DAY, LAST_DAY)) == 5


def test_the_command_fails_over_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and what is over it; JSON for programs."""
    layout = write_log(tmp_path / "log", Traffic(5), dt.date(2026, 11, 2), 2, 80)
    policy = policy_in(tmp_path, layout.root)
    capsys.readouterr()
    assert main(["log", "audit", "--policy", str(policy), "--most", "100"]) == 0
    assert ALONE in capsys.readouterr().out
    assert main(["log", "audit", "--policy", str(policy), "--most", "0"]) == 1
    assert "over the limit of 0.0 %" in capsys.readouterr().out
    assert main(["log", "audit", "--policy", str(policy), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5
