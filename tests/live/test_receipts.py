"""A visitor of a real server chooses, takes the receipt away, and anyone checks it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from consentgate.cli import main
from consentgate.ledger.postgres.ledger import PostgresLedger
from tests.ledger.proof.made import SIGNER
from tests.ledger.proof.test_other_verifiers import judged_by_javascript
from tests.live import SECRET, Live, free_port, serving
from tests.live.test_site_log import accepted
from tests.postgres import Postgres


def receipt(live: Live, cookie: str) -> str:
    """Ask as a program does, until the receipt is ready."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        answer = live.ask("/privacy-choices/receipt", cookie=cookie)
        if answer.status == 200:
            return answer.body.decode()
        assert answer.status == 202, answer
        time.sleep(0.2)
    raise AssertionError("the receipt is never ready")


@pytest.mark.requirement("REC-07", "REC-09")
def test_from_the_choice_to_the_byte_that_was_flipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two workers; the receipt is proven by the command and by a second program, offline; one
    changed byte of the database is named with its row."""
    port, key = free_port(), tmp_path / "proof.key"
    key.write_text(SIGNER.secret(), encoding="utf-8")
    command = ["uvicorn", "--factory", "tests.live.site:make", "--port", str(port), "--workers=2"]
    settings = {"SITE_FOLDER": str(tmp_path), "CONSENTGATE_PROOF_KEY_FILE": str(key)}
    with serving(command, tmp_path / "out", settings, port=port) as live:
        cookies = [accepted(live) for _ in range(4)]
        texts = [receipt(live, cookie) for cookie in cookies]
        assert live.ask("/privacy-choices/checkpoint").body.endswith(b"\n")
        shown = live.ask("/privacy-choices", cookie=cookies[0], accept="text/html").body
        assert b'href="/privacy-choices/receipt"' in shown
    assert [one[0] for one in judged_by_javascript([(text, ()) for text in texts])] == [None] * 4
    saved = tmp_path / "receipt.jsonld"
    saved.write_text(texts[1], encoding="utf-8")
    monkeypatch.delenv("CONSENTGATE_SECRET", raising=False)
    assert main(["receipt", "verify", str(saved), "--key", str(SIGNER.verifier)]) == 0
    monkeypatch.setenv("CONSENTGATE_SECRET", SECRET)
    path = tmp_path / "proof" / "ledger.sqlite3"
    verify = ["ledger", "verify", "--ledger", f"sqlite:{path}", "--key", str(SIGNER.verifier)]
    assert main(verify) == 0
    capsys.readouterr()
    event = json.loads(json.loads(texts[1])["cg:proof"]["cg:leaf"])
    whole = path.read_bytes()
    at = whole.index(f'"id":"{event["id"]}"'.encode())
    at = whole.index(b'"statistics":true', at) + len(b'"statistics":')
    path.write_bytes(whole[:at] + b"f" + whole[at + 1 :])
    assert main(verify) == 1
    told = capsys.readouterr().out
    assert event["id"] in told
    assert "edited" in told


@pytest.mark.requirement("REC-07", "REC-09")
def test_two_gates_share_one_database(
    postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two servers over one PostgreSQL: a choice made at one has its receipt at the other, and the
    ledger verifies."""
    url, key = postgres.new(), tmp_path / "proof.key"
    key.write_text(SIGNER.secret(), encoding="utf-8")
    settings = {
        "SITE_FOLDER": str(tmp_path),
        "SITE_LEDGER": url,
        "CONSENTGATE_PROOF_KEY_FILE": str(key),
    }
    ports = free_port(), free_port()
    here, there = (
        serving(
            ["uvicorn", "--factory", "tests.live.site:make", "--port", str(port)],
            tmp_path / f"out-{port}",
            settings,
            port=port,
        )
        for port in ports
    )
    with here as first, there as second:
        cookies = [accepted(live) for live in (first, second, first)]
        texts = [
            receipt(live, cookie)
            for live, cookie in zip((second, first, first), cookies, strict=True)
        ]
    assert [one[0] for one in judged_by_javascript([(text, ()) for text in texts])] == [None] * 3
    verify = ["ledger", "verify", "--ledger", url, "--key", str(SIGNER.verifier)]
    assert main(verify) == 0
    assert "3 events in the tree" in capsys.readouterr().out
    event = json.loads(json.loads(texts[0])["cg:proof"]["cg:leaf"])
    ledger = PostgresLedger(url)
    (row,) = [row for row in ledger.rows(0, 9) if row[1] == event["id"]]
    with ledger._erasing("UPDATE") as connection:
        connection.execute(
            "UPDATE consentgate_event SET body = %s WHERE number = %s",
            (row[3].replace(b'"statistics":true', b'"statistics":fals'), row[0]),
        )
    ledger.close()
    assert main(verify) == 1
    told = capsys.readouterr().out
    assert event["id"] in told
    assert "edited" in told
