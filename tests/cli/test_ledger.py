"""``consentgate ledger`` and ``consentgate receipt``, as an operator and a visitor call them."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from consentgate.cli import main
from consentgate.cli.ledger import prune as prune_verb
from consentgate.domain.events import State
from consentgate.formats.proof.receipts import check
from consentgate.ledger.proof import verifying
from consentgate.ledger.proof.file import ProofFile
from consentgate.ledger.proof.pruning import DAY_MS
from consentgate.ledger.proof.receipts import receipt_of
from consentgate.ledger.sqlite import SqliteLedger
from tests.events import grant, refusal
from tests.ledger.proof.made import NOTICE, NOTICE_HASH, NOW_MS, append
from tests.ledger.proof.test_verifying import forced

NAME = "shop.example/privacy-choices"
SUBJECT = "ab" * 16
POLICY = """
version = "2026-11-01"
effective = 2026-11-01
[controller]
name = "Example Shop"
address = "1 Street"
contact = "privacy@shop.example"
[ledger]
url = "sqlite:ledger.sqlite3"
retention_days = 100
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its exit status, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(one) for one in arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Iterator[SqliteLedger]:
    """A folder with a policy, a ledger of forty events and a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSENTGATE_SECRET", raising=False)
    Path("consentgate.toml").write_text(POLICY, encoding="utf-8")
    ledger = SqliteLedger("ledger.sqlite3")
    ledger.save(notices={NOTICE_HASH: NOTICE}, meanings={bytes.fromhex("0a0b0c0d0e0f"): "{}"})
    subject = {"subject": SUBJECT, "notice_hash": NOTICE_HASH}
    append(
        ledger,
        grant(at_ms=NOW_MS, **subject),
        grant(at_ms=NOW_MS + 5_000, state=State.WITHDRAWN, **subject),
    )
    append(ledger, *(grant(notice_hash=NOTICE_HASH, at_ms=NOW_MS + at) for at in range(37)))
    append(ledger, refusal(notice_hash=NOTICE_HASH, site='=HYPERLINK("x")'))
    assert run("ledger", "keygen", NAME, "--output", "key")[0] == 0
    monkeypatch.setenv("CONSENTGATE_PROOF_KEY_FILE", "key")
    yield ledger
    ledger.close()


@pytest.mark.usefixtures("site")
def test_a_ledger_is_signed_published_and_verified(run: Run) -> None:
    """The checkpoint that is printed is the one that is published, and verify counts on it."""
    code, note, _ = run("ledger", "checkpoint", "--publish", "checkpoint.txt")
    assert (code, Path("checkpoint.txt").read_text("utf-8")) == (0, note)
    assert note.startswith(f"{NAME}\n40\n")
    code, told, _ = run("ledger", "verify", "--anchor", "checkpoint.txt")
    assert code == 0
    assert "nothing found" in told
    assert "as signed up to 40 events; anyone can check it" in told


def test_what_was_done_is_named(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte of one event, in both forms of the report."""
    run("ledger", "checkpoint")
    with forced(site.path) as connection:
        connection.execute(
            "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), 'save', 'sawe') AS BLOB) WHERE seq = 7"
        )
    code, told, _ = run("ledger", "verify")
    assert code == 1
    assert "event 6 (number 7, id " in told.splitlines()[0]
    assert " was edited: " in told.splitlines()[0]
    code, told, _ = run("ledger", "verify", "--json")
    assert (code, json.loads(told)["findings"][0]["done"]) == (1, "edited")
    monkeypatch.setattr(verifying, "MOST_TOLD", 0)
    assert run("ledger", "verify")[1].startswith("and 1 more\n40 events")


def test_a_published_checkpoint_is_not_denied(site: SqliteLedger, run: Run) -> None:
    """A ledger made anew does not take the place of what was published; nor does anything else."""
    run("ledger", "checkpoint", "--publish", "checkpoint.txt")
    before = Path("checkpoint.txt").read_bytes()
    Path("ledger.sqlite3.proof").unlink()
    with forced(site.path) as connection:
        connection.execute("UPDATE event SET body = x'00' WHERE seq = 7")
    code, _, error = run("ledger", "checkpoint", "--publish", "checkpoint.txt")
    assert code == 1
    assert "not the one that was published there at 40 events" in error
    assert run("ledger", "verify", "--anchor", "checkpoint.txt")[0] == 1
    assert Path("checkpoint.txt").read_bytes() == before
    Path("notes.txt").write_text("mine")
    assert "holds no checkpoint" in run("ledger", "checkpoint", "--publish", "notes.txt")[2]


@pytest.mark.requirement("REC-10")
@pytest.mark.usefixtures("site")
def test_a_subject_is_shown(run: Run) -> None:
    """Every event of it, and what held at any time; 1 where nobody has that name."""
    run("ledger", "checkpoint")
    code, told, _ = run("ledger", "show", SUBJECT)
    assert code == 0
    first, second = told.splitlines()
    assert "ConsentGiven" in first
    assert "statistics granted" in first
    assert first.endswith("leaf 0")
    assert "ConsentWithdrawn" in second
    at = [
        "2026-09-21T14:13:19Z",
        "2026-09-21T14:13:21",
        "2026-09-21T14:13:30+00:00",
        "2027-03-01T00:00:00Z",
    ]
    told_at = [json.loads(run("ledger", "show", SUBJECT, "--at", one, "--json")[1]) for one in at]
    assert [one["state"] for one in told_at] == [
        None,
        "ConsentGiven",
        "ConsentWithdrawn",
        "ConsentWithdrawn",
    ]
    assert [one["purposes"].get("statistics") for one in told_at] == [None, True, False, False]
    assert told_at[3]["expired"]
    assert "nothing said yet" in run("ledger", "show", SUBJECT, "--at", at[0])[1]
    assert json.loads(run("ledger", "show", SUBJECT, "--json")[1])[1]["leaf"] == 1
    assert run("ledger", "show", "nobody")[0] == 1


def test_an_evidence_pack_is_whole_and_comes_back(site: SqliteLedger, run: Run) -> None:
    """Its sums hold, its table is safe in a spreadsheet, and what is restored from it verifies."""
    run("ledger", "checkpoint")
    append(site, refusal(notice_hash=NOTICE_HASH))
    code, told, _ = run("ledger", "export", "pack")
    assert code == 0
    assert "41 events, 1 notices, 1 checkpoints" in told
    subprocess.run(["sha256sum", "-c", "SHA256SUMS", "--quiet"], cwd="pack", check=True)
    with Path("pack/events.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["index"] for row in rows] == [*map(str, range(40)), ""]
    assert rows[39]["site"] == '\'=HYPERLINK("x")'
    records = json.loads(Path("pack/records.jsonld").read_text("utf-8"))
    assert len(records["@graph"]) == 41
    assert records["@graph"][0]["dpv:hasDataController"]["dpv:hasName"] == "Example Shop"
    assert (
        hashlib.sha256((Path("pack/notices") / NOTICE_HASH).read_bytes()).hexdigest() == NOTICE_HASH
    )
    key = Path("pack/keys.txt").read_text("utf-8").strip()
    assert run("ledger", "restore", "pack", "--to", "back.sqlite3")[0] == 0
    code, told, _ = run("ledger", "verify", "--ledger", "sqlite:back.sqlite3", "--key", key)
    assert code == 0
    assert "1 not yet" in told
    back = SqliteLedger("back.sqlite3")
    assert back.rows(0, 100) == site.rows(0, 100)
    assert dict(back.meanings()) == dict(site.meanings())
    back.close()


@pytest.mark.usefixtures("site")
def test_a_changed_pack_does_not_verify(run: Run) -> None:
    """An event of the pack with another letter is named after the way back."""
    run("ledger", "checkpoint")
    run("ledger", "export", "pack")
    lines = Path("pack/ledger.jsonl").read_text("utf-8").splitlines(keepends=True)
    lines[5] = lines[5].replace("save", "sawe")
    Path("pack/ledger.jsonl").write_text("".join(lines), "utf-8")
    assert run("ledger", "restore", "pack", "--to", "back.sqlite3")[0] == 0
    code, told, _ = run("ledger", "verify", "--ledger", "sqlite:back.sqlite3")
    assert code == 1
    assert "something among the events 0 to 39 was rewritten" in told
    assert run("ledger", "restore", "pack", "--to", "back.sqlite3")[0] == 1
    Path("pack/ledger.jsonl").write_text("{}\n")
    assert "is no evidence pack" in run("ledger", "restore", "pack", "--to", "other.sqlite3")[2]
    assert "is not empty" in run("ledger", "export", "pack")[2]


def test_a_pack_of_a_damaged_ledger_is_written(site: SqliteLedger, run: Run) -> None:
    """Evidence is not tidied: bytes that are no event and no text come along as they are."""
    run("ledger", "checkpoint")
    Path("consentgate.toml").rename("elsewhere.toml")
    assert run("ledger", "export", "whole", "--ledger", "sqlite:ledger.sqlite3")[0] == 0
    Path("elsewhere.toml").rename("consentgate.toml")
    with forced(site.path) as connection:
        connection.execute("UPDATE event SET body = x'ff00' WHERE seq = 7")
    assert run("ledger", "export", "pack")[0] == 0
    assert run("ledger", "restore", "pack", "--to", "back.sqlite3")[0] == 0
    assert run("ledger", "verify", "--ledger", "sqlite:back.sqlite3")[0] == 1


@pytest.mark.requirement("REC-08")
def test_events_past_their_retention_go_and_receipts_stay(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run removes nothing; a run removes the first events, and everything still verifies."""
    store = ProofFile("ledger.sqlite3.proof")
    append(
        site,
        *(refusal(notice_hash=NOTICE_HASH, expires_ms=NOW_MS + 900 * DAY_MS) for _ in range(3)),
    )
    run("ledger", "checkpoint")
    first = store.leaves(0, 1)[0]
    receipt = receipt_of(site, store, first.id) or ""
    assert "0 events would go" in run("ledger", "prune", "--dry-run")[1]
    monkeypatch.setattr(prune_verb, "now_ms", lambda: NOW_MS + 300 * DAY_MS)
    assert "40 events would go, 2026-09-21" in run("ledger", "prune", "--dry-run")[1]
    assert len(site.rows(0, 100)) == 43
    assert "40 events are gone" in run("ledger", "prune")[1]
    assert [row[0] for row in site.rows(0, 100)] == [41, 42, 43]
    assert run("ledger", "verify")[0] == 0
    assert check(receipt).broken is None
    for path in Path().iterdir():
        if path.is_file() and first.salt:
            assert first.id.encode() not in path.read_bytes(), path
            assert first.salt not in path.read_bytes(), path
    with (
        closing(sqlite3.connect("ledger.sqlite3")) as connection,
        pytest.raises(sqlite3.Error, match="append-only"),
    ):
        connection.execute("DELETE FROM event")
    append(site, refusal(notice_hash=NOTICE_HASH))
    assert run("ledger", "checkpoint")[0] == 0
    assert run("ledger", "export", "pack")[0] == 0
    assert run("ledger", "restore", "pack", "--to", "back.sqlite3")[0] == 0
    assert run("ledger", "verify", "--ledger", "sqlite:back.sqlite3")[0] == 0


def test_a_prune_that_was_cut_short_is_finished(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof's part went and the rows did not: the next run removes them."""
    run("ledger", "checkpoint")
    ProofFile("ledger.sqlite3.proof").prune(12)
    assert "was inserted" in run("ledger", "verify")[1]
    assert run("ledger", "prune")[0] == 0
    assert site.rows(0, 1)[0][0] == 13
    assert run("ledger", "verify")[0] == 0
    monkeypatch.setattr(prune_verb, "now_ms", lambda: NOW_MS + 3_000 * DAY_MS)
    assert "27 events are gone" in run("ledger", "prune")[1]
    assert len(site.rows(0, 100)) == 1
    assert run("ledger", "verify")[0] == 0


def test_pruning_hides_no_change(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that is not the one that was proven stops it, and nothing goes."""
    run("ledger", "checkpoint")
    with forced(site.path) as connection:
        connection.execute(
            "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), 'save', 'sawe') AS BLOB) WHERE seq = 7"
        )
    monkeypatch.setattr(prune_verb, "now_ms", lambda: NOW_MS + 3_000 * DAY_MS)
    code, _, error = run("ledger", "prune")
    assert code == 1
    assert "event 6 " in error
    assert len(site.rows(0, 100)) == 40
    with forced(site.path) as connection:
        connection.execute("DELETE FROM event WHERE seq > 3")
    assert "missing from the ledger" in run("ledger", "prune")[2]
    with ProofFile("ledger.sqlite3.proof").elected():
        assert "try again" in run("ledger", "prune")[2]
        assert "another process" in run("ledger", "checkpoint")[2]


def test_a_receipt_is_checked_offline(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the published key, with the one that came along, with another, and changed."""
    run("ledger", "checkpoint")
    store = ProofFile("ledger.sqlite3.proof")
    vkey = run("ledger", "keygen", NAME, "--output", "other")[1].strip()
    own = run("ledger", "export", "pack") and Path("pack/keys.txt").read_text("utf-8").strip()
    text = receipt_of(site, store, store.leaves(0, 1)[0].id, vkey=own) or ""
    Path("receipt.json").write_text(text, "utf-8")
    code, told, _ = run("receipt", "verify", "receipt.json")
    assert code == 0
    assert "statistics granted" in told
    assert "a key that was given" in told
    monkeypatch.delenv("CONSENTGATE_PROOF_KEY_FILE")
    shutil.move("ledger.sqlite3", "elsewhere")
    code, told, _ = run("receipt", "verify", "receipt.json")
    assert code == 0
    assert "the key that came with the receipt" in told
    code, told, _ = run("receipt", "verify", "receipt.json", "--key", vkey)
    assert code == 1
    assert "no key that is known" in told
    assert json.loads(run("receipt", "verify", "receipt.json", "--json")[1])["proven"]
    Path("receipt.json").write_text(
        text.replace('"cg:granted": true', '"cg:granted": false'), "utf-8"
    )
    code, told, _ = run("receipt", "verify", "receipt.json")
    assert code == 1
    assert "not proven: statement" in told
    assert run("receipt", "verify", "nowhere")[0] == 2
    assert run("receipt", "verify", "receipt.json", "--key", "nonsense")[0] == 2


def test_without_a_key_pair_the_secret_signs(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyed hash, said to be the operator's alone by every verb; an old secret still counts."""
    monkeypatch.delenv("CONSENTGATE_PROOF_KEY_FILE")
    assert "no key signs checkpoints" in run("ledger", "checkpoint")[2]
    monkeypatch.setenv("CONSENTGATE_SECRET", "a" * 40)
    assert "operator-verifiable only" in run("ledger", "checkpoint")[2]
    monkeypatch.setenv("CONSENTGATE_SECRET", f"{'b' * 40} {'a' * 40}")
    assert "as signed up to 40 events; operator-verifiable only" in run("ledger", "verify")[1]
    store = ProofFile("ledger.sqlite3.proof")
    Path("receipt.json").write_text(
        receipt_of(site, store, store.leaves(0, 1)[0].id) or "", "utf-8"
    )
    assert "proven to you alone" in run("receipt", "verify", "receipt.json")[1]
    monkeypatch.delenv("CONSENTGATE_SECRET")
    assert run("receipt", "verify", "receipt.json")[0] == 1
    assert "no key was given" in run("ledger", "verify")[1]


@pytest.mark.usefixtures("site")
def test_wrong_input_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 2 and what to do; a private key is in no message."""
    assert "there is no ledger yet" in run("ledger", "verify", "--ledger", "sqlite:nowhere")[2]
    assert run("ledger", "verify", "--ledger", "sqlite:nowhere")[0] == 2
    assert "expected" in run("ledger", "verify", "--ledger", "mysql:x")[2]
    assert run("ledger", "verify", "--policy", "nowhere.toml")[0] == 2
    assert run("ledger", "verify", "--anchor", "nowhere")[0] == 2
    assert run("ledger", "keygen", "a b", "--output", "new")[0] == 2
    assert run("ledger", "keygen", NAME, "--output", "key")[0] == 2
    monkeypatch.setenv("CONSENTGATE_PROOF_KEY_FILE", "nowhere")
    assert "cannot read nowhere" in run("ledger", "verify")[2]
    monkeypatch.delenv("CONSENTGATE_PROOF_KEY_FILE")
    monkeypatch.setenv("CONSENTGATE_PROOF_KEY", "secret words")
    code, _, error = run("ledger", "verify")
    assert code == 2
    assert "secret words" not in error


def test_a_ledger_without_events_has_nothing_to_sign(site: SqliteLedger, run: Run) -> None:
    """The message says so; other signatures in a report without keys are not claimed."""
    empty = SqliteLedger("empty.sqlite3")
    empty.save(notices={NOTICE_HASH: NOTICE}, meanings={})
    code, _, error = run("ledger", "checkpoint", "--ledger", "sqlite:empty.sqlite3")
    assert code == 1
    empty.close()
    assert "nothing to sign" in error
    assert "no checkpoint is signed" in run("ledger", "verify")[1]
    Path("first.txt").write_text(f"{NAME}\n0\n{'A' * 43}=\n\n— x AAAAAAAA\n")
    assert run("ledger", "checkpoint", "--publish", "first.txt")[0] == 0
    site.close()


def test_without_the_extra_it_is_named(
    site: SqliteLedger, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each verb that needs a signature says what to install."""
    run("ledger", "checkpoint")
    store = ProofFile("ledger.sqlite3.proof")
    vkey = f"{run('ledger', 'export', 'pack') and Path('pack/keys.txt').read_text('utf-8').strip()}"
    text = receipt_of(site, store, store.leaves(0, 1)[0].id, vkey=vkey) or ""
    Path("receipt.json").write_text(text, "utf-8")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    for verb in (("ledger", "checkpoint"), ("ledger", "keygen", NAME, "--output", "new")):
        code, _, error = run(*verb)
        assert (code, "consentgate[proof]" in error) == (2, True)
    monkeypatch.delenv("CONSENTGATE_PROOF_KEY_FILE")
    code, _, error = run("receipt", "verify", "receipt.json")
    assert (code, "consentgate[proof]" in error) == (2, True)


def test_the_private_key_is_private(site: SqliteLedger, run: Run) -> None:
    """Mode 0600, and only the public one is printed."""
    code, told, _ = run("ledger", "keygen", NAME, "--output", "new")
    assert (code, Path("new").stat().st_mode & 0o777) == (0, 0o600)
    assert told.startswith(f"{NAME}+")
    assert "PRIVATE" not in told


class Shelf(BaseHTTPRequestHandler):
    """A web address that keeps what is put there."""

    kept: ClassVar[dict[str, bytes]] = {}
    tokens: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        body = self.kept.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def do_PUT(self) -> None:
        self.tokens.append(self.headers.get("authorization", ""))
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("closed"):
            self.send_response(507)
        else:
            self.kept[self.path] = body
            self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shelf() -> Iterator[str]:
    """The address of a shelf."""
    Shelf.kept.clear()
    Shelf.tokens.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_checkpoint_is_published_at_a_web_address(
    site: SqliteLedger, run: Run, shelf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put there with the token, and replaced only by one that continues it."""
    monkeypatch.setenv("CONSENTGATE_PUBLISH_TOKEN", "sesame")
    code, note, _ = run("ledger", "checkpoint", "--publish", f"{shelf}/checkpoint")
    assert (code, Shelf.kept["/checkpoint"], Shelf.tokens) == (0, note.encode(), ["Bearer sesame"])
    append(site, refusal(notice_hash=NOTICE_HASH))
    assert run("ledger", "checkpoint", "--publish", f"{shelf}/checkpoint")[0] == 0
    assert Shelf.kept["/checkpoint"].splitlines()[1] == b"41"
    for path in Path().glob("ledger.sqlite3*"):
        path.unlink()
    again = SqliteLedger("ledger.sqlite3")
    append(again, refusal(notice_hash=""))
    code, _, error = run("ledger", "checkpoint", "--publish", f"{shelf}/checkpoint")
    again.close()
    assert code == 1
    assert "not the one that was published there at 41 events" in error
    assert Shelf.kept["/checkpoint"].splitlines()[1] == b"41"


def test_an_address_that_takes_nothing_is_named(site: SqliteLedger, run: Run, shelf: str) -> None:
    """Full, unreachable, or open to everyone on the way."""
    assert "507" in run("ledger", "checkpoint", "--publish", f"{shelf}/closed")[2]
    assert run("ledger", "checkpoint", "--publish", "http://127.0.0.1:1/x")[0] == 1
    code, _, error = run("ledger", "checkpoint", "--publish", "http://shop.example/x")
    assert (code, "expected a path or https://" in error) == (2, True)


def test_choices_are_counted_and_nobody_is_named(site: SqliteLedger, run: Run) -> None:
    """By purpose, day, notice, regime and method, within the days that are asked for."""
    code, told, _ = run("ledger", "totals", "--json")
    found = json.loads(told)
    assert code == 0
    assert found["events"] == 40
    assert sum(found["kinds"].values()) == 40
    assert found["purposes"]["statistics"] == {"granted": 39, "refused": 1}
    assert list(found["notices"]) == [NOTICE_HASH]
    assert found["regimes"] == {"ZZ": found["kinds"]}
    assert SUBJECT not in told
    day = next(iter(found["days"]))
    text = run("ledger", "totals", "--since", day)[1]
    assert text.startswith("40 choices:")
    assert f"day {day}: " in text
    assert run("ledger", "totals", "--until", "2001-01-01")[1].startswith("0 choices: none")
