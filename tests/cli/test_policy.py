"""``consentgate policy diff``: what a new policy changes, and whom that asks again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consentgate.cli import main

OLD = """version = "2026-11-01"
effective = 2026-11-01
[controller]
name = "Shop"
[purpose.research]
title = "Research"
description = "To learn which teapots are missed."
[service.counter]
purposes = ["statistics"]
cookies = ["c"]
[service.adverts]
purposes = ["marketing"]
hosts = ["ads.example"]
"""
HEAT = '[service.heat]\npurposes = ["statistics"]\n'
WHO = [
    "who granted everything",
    "who granted functional alone",
    "who granted statistics alone",
    "who granted marketing alone",
    "who granted research alone",
    "who refused everything",
]
CASES: list[tuple[str, str, int, dict[str, str], dict[str, list[str]]]] = [
    ("nothing", OLD, 0, {}, {}),
    (
        "words",
        OLD.replace(
            "To learn which teapots are missed.", "To learn which teapots are missed most."
        ).replace('"2026-11-01"', '"2"')
        + '[service.adverts.texts.de]\ntitle = "Werbung"\ndescription = "x"\n[texts.en]\nreject = "No"\n',
        0,
        {"research": "same meaning", "adverts": "same meaning"},
        {},
    ),
    (
        "a purpose",
        OLD + "[purpose.statistics]\nretention_days = 700\n",
        1,
        {"statistics": "changed in meaning"},
        {WHO[0]: ["statistics"], WHO[2]: ["statistics"]},
    ),
    (
        "a service",
        OLD.replace("ads.example", "other.example"),
        1,
        {"adverts": "changed in meaning"},
        {WHO[0]: ["adverts"], WHO[3]: ["adverts"]},
    ),
    ("a new service", OLD + HEAT, 1, {"heat": "new"}, {WHO[0]: ["heat"], WHO[2]: ["heat"]}),
    (
        "a new purpose",
        OLD + '[purpose.contact]\ntitle = "Contact"\ndescription = "To answer what you ask us"\n',
        1,
        {"contact": "new"},
        {key: ["contact"] for key in WHO[:5]},
    ),
    (
        "less",
        OLD.partition("[service.adverts]")[0],
        1,
        {"adverts": "removed"},
        {},
    ),
]


def compared(
    folder: Path, new: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any], str]:
    """Exit status, the JSON and the text."""
    (folder / "old.toml").write_text(OLD, encoding="utf-8")
    (folder / "new.toml").write_text(new, encoding="utf-8")
    files = [str(folder / "old.toml"), str(folder / "new.toml")]
    status = main(["policy", "diff", "--json", *files])
    document = json.loads(capsys.readouterr().out)
    assert main(["policy", "diff", *files]) == status
    return status, document, capsys.readouterr().out


@pytest.mark.requirement("VER-01", "VER-02", "VER-05", "VER-09")
@pytest.mark.parametrize(
    ("new", "status", "kinds", "asks"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_changes_and_whom_it_asks(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    new: str,
    status: int,
    kinds: dict[str, str],
    asks: dict[str, list[str]],
) -> None:
    """Words ask nobody; a purpose or service asks who granted it, about it alone; who refused
    everything is never asked."""
    found, document, text = compared(tmp_path, new, capsys)
    assert found == status
    assert document["material"] is bool(status)
    assert {change["key"]: change["change"] for change in document["changes"]} == kinds
    assert document["asks"] == {who: asks.get(who, []) for who in WHO}
    for key, kind in kinds.items():
        assert f" {key}: {kind}" in text
    assert "who refused everything: nothing" in text


def test_the_facts_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a fact was and what it is; settings by name; whether the old policy announces it."""
    new = OLD.replace('"Shop"', '"Bazaar"') + "[purpose.statistics]\nretention_days = 700\n"
    _, document, text = compared(tmp_path, new, capsys)
    (change,) = document["changes"]
    assert change["facts"] == {"retention_days": [None, 700]}
    assert "retention_days null -> 700" in text
    assert document["settings"] == ["controller.name"]
    assert "not announced: put [announce]" in text


def test_a_wrong_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, with the fault; never a traceback."""
    assert main(["policy", "diff", str(tmp_path / "none.toml"), str(tmp_path / "x.toml")]) == 2
    assert "CG100" in capsys.readouterr().err
