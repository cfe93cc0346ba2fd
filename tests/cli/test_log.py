"""The command ``consentgate log``: its frame and its verbs, as an operator calls them."""

from __future__ import annotations

import json

import pytest

from consentgate.cli import main
from consentgate.domain.record import FIELDS


def test_the_fields_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every field with its tiers and its purpose, and what no tier holds."""
    assert main(["log", "fields", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["field"] for row in told["fields"]] == [field.name for field in FIELDS]
    assert "cookies" in told["never"]
    assert main(["log", "fields"]) == 0
    assert "never, in any tier: address" in capsys.readouterr().out


def test_a_log_command_needs_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and the verbs there are."""
    with pytest.raises(SystemExit) as ended:
        main(["log"])
    assert ended.value.code == 2
    assert "VERB" in capsys.readouterr().err
