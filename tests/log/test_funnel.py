"""The consent funnel: pages that ask, and what visitors made of it, by one dimension at a time."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from consentgate import ConsentGate
from consentgate.log.counts.choices import FILE_NAME, ChoiceCounts, Setting
from consentgate.log.keeping.compaction import compact
from consentgate.log.writing.layout import Layout
from tests.asgi import raw
from tests.asgi.raw import form, http, run
from tests.asgi.test_choosing import notice_of
from tests.policies import SHOP

SETTING = Setting("v1", "opt-in", "NO", "nb", "flow", "none")


def sums(folder: Path) -> Counter[tuple[str, str, str]]:
    """Act, dimension and value to how often."""
    found: Counter[tuple[str, str, str]] = Counter()
    for line in (folder / FILE_NAME).read_text().splitlines():
        row = json.loads(line)
        found[row["act"], row["dim"], row["val"]] += row["n"]
    return found


def gate_in(folder: Path) -> ConsentGate:
    return raw.gated(raw.page(), log=folder)


def test_pages_that_ask_and_acts_are_counted(tmp_path: Path) -> None:
    """With GPC too; a visit that begins is asked once, however many pages it reads."""
    gate = gate_in(tmp_path)
    entry = ((b"sec-fetch-site", b"none"), (b"sec-fetch-dest", b"document"))
    inner = ((b"sec-fetch-site", b"same-origin"), (b"sec-fetch-dest", b"document"))
    for headers in [entry, inner] * 6:
        run(gate, http("/", headers=headers))
    for choice in ["accept"] * 4 + ["reject"] * 3:
        fields = {"choice": choice, "notice": notice_of(gate)}
        run(gate, *form("/privacy-choices", fields))
    gate.close()
    found = sums(tmp_path)
    assert {act: found[act, "all", ""] for act in ("shown", "asked", "accepted", "refused")} == {
        "shown": 12,
        "asked": 6,
        "accepted": 4,
        "refused": 3,
    }
    assert found["shown", "position", SHOP.site.banner] == 12
    assert found["shown", "v", ""] == 0


def test_the_lines_of_a_few_acts_describe_nobody(tmp_path: Path) -> None:
    """Fewer than ten acts wait; where the process ends first only their number is written."""
    counts = ChoiceCounts(tmp_path)
    counts.add("accepted", SETTING, 86_400)
    counts.tick(86_400)
    assert not (tmp_path / FILE_NAME).exists()
    counts.flush()
    assert sums(tmp_path)["accepted", "all", ""] == 1
    assert sums(tmp_path)["accepted", "country", "NO"] == 0


def test_an_act_that_nobody_knows_is_a_mistake() -> None:
    """The acts are a closed set."""
    with pytest.raises(ValueError, match="expected one of shown"):
        ChoiceCounts("").add("clicked", SETTING, 0)


def test_compaction_keeps_the_sums(tmp_path: Path) -> None:
    """They lie with the other sums of their day."""
    counts = ChoiceCounts(tmp_path)
    for _ in range(10):
        counts.add("shown", SETTING, 86_400)
    counts.flush()
    compact(Layout.of(tmp_path))
    (path,) = (tmp_path / "counts" / "day=1970-01-02").glob("consent-*.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"day": "1970-01-02", "act": "shown", "dim": "country", "val": "NO", "n": 10} in rows
