"""The code on pages that a site's developer copies from runs as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

from consentgate.cli import main
from consentgate.formats.policy.reader import parse_policy
from tests.docs import DOCS, blocks_of


def texts_of(page: str, language: str) -> list[str]:
    """The blocks of one language on a page."""
    return [block.text for block in blocks_of(page) if block.language == language]


@pytest.mark.parametrize("page", ["testing.md", "telemetry.md", "frameworks.md"])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path) -> None:
    """Block after block, in an empty folder with a policy that ``init`` writes."""
    assert main(["init", str(tmp_path / "consentgate.toml")]) == 0
    script = tmp_path / "page.py"
    script.write_text("\n".join(texts_of(page, "python")), encoding="utf-8")
    environment = {**os.environ, "CONSENTGATE_ENV": "test", "PYTHONPATH": str(DOCS.parent)}
    ran = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", ["deploying.md"])
def test_the_policy_lines_of_a_page_are_valid(page: str) -> None:
    """Each block is a piece of a policy without a fault."""
    head = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
    assert texts_of(page, "toml")
    for block in texts_of(page, "toml"):
        parse_policy(head + block)


def test_the_state_of_a_request_is_typed(tmp_path: Path) -> None:
    """mypy knows ``request.state.consent``, and a misspelt question."""
    script = tmp_path / "typed.py"
    (block,) = texts_of("frameworks.md", "python")
    script.write_text(
        block + "\n\ndef wrong(request: Request[ConsentState]) -> object:\n"
        "    return request.state.consent.alows('x')\n",
        encoding="utf-8",
    )
    out, _, _ = api.run(
        [str(script), "--strict", "--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent"]
    )
    assert '"Consent" has no attribute "alows"' in out
    assert out.count("error:") == 1, out
