"""``consentgate rights``, as whoever answers visitors and authorities calls it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consentgate.cli import main
from consentgate.cli.access.asking import user
from consentgate.cli.rights.letters.answer import shipped
from consentgate.domain.rights.requests import CHECKLIST, clock_of, due
from consentgate.ledger.sqlite import SqliteLedger
from consentgate.rights.register import Register
from tests.events import grant

SUBJECT, OTHER = "0f" * 16, "1e" * 16
POLICY = """
version = "2026-11-01"
effective = 2026-11-01
[controller]
name = "Example Shop"
contact = "privacy@shop.example"
[ledger]
url = "sqlite:ledger.sqlite3"
[rights]
directory = "rights"
[recipient.lawyer]
name = "Law & Co"
kind = "third-party"
basis = "GDPR 9(2)(f)"
fields = ["events", "services"]
[recipient.police]
name = "Garda"
kind = "authority"
basis = "GDPR 6(1)(c)"
fields = ["events"]
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a verb of rights in a folder with a policy and two subjects in the ledger."""
    monkeypatch.chdir(tmp_path)
    Path("consentgate.toml").write_text(POLICY, "utf-8")
    ledger = SqliteLedger("ledger.sqlite3")

    async def both() -> None:
        for subject in (SUBJECT, OTHER):
            await ledger.append(grant(subject=subject, notice_hash=""))

    asyncio.run(both())
    ledger.close()

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["rights", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def register() -> Register:
    return Register(Path("rights"))


def acts() -> list[str]:
    return [entry["act"] for entry in register().journal.entries()]


def reference(out: str) -> str:
    return out.partition(":")[0]


def test_what_is_held_is_shown_and_the_look_is_noted(run: Run) -> None:
    """By the account that looked, and for which purpose; the visitor is named nowhere."""
    code, out, _ = run("show", SUBJECT)
    assert code == 0
    assert [event["subject"] for event in json.loads(out)["events"]] == [SUBJECT]
    (entry,) = register().journal.entries()
    assert (entry["act"], entry["by"], entry["purpose"]) == ("shown", user(), "request")
    assert SUBJECT.encode() not in (Path("rights") / "register.jsonl").read_bytes()


@pytest.mark.requirement("DSR-03")
def test_requests_have_clocks(run: Run) -> None:
    """One month, 45 days and ten business days, 30 days; the most urgent first."""
    made = {
        regime: reference(run("take", "access", SUBJECT, "--regime", regime)[1])
        for regime in ("FR", "US-CA", "TR")
    }
    code, out, _ = run("list", "--json")
    found = {one["reference"]: one for one in json.loads(out)}
    today = dt.datetime.now(dt.UTC).date()
    assert code == 0
    for regime, name in made.items():
        assert found[name]["due"] == str(due(today, clock_of(regime)))
        assert bool(found[name]["acknowledge_by"]) == (regime == "US-CA")
    assert [one["due"] for one in json.loads(out)] == sorted(o["due"] for o in found.values())
    code, out, _ = run("extend", made["FR"], "--why", "many copies")
    assert code == 0
    assert str(due(today, clock_of("FR"), is_extended=True)) in out
    assert run("extend", made["FR"], "--why", "again")[0] == 1
    code, _, err = run("extend", made["TR"], "--why", "many")
    assert (code, "gives no more time" in err) == (1, True)


@pytest.mark.requirement("DSR-03")
def test_a_late_request_fails_the_list(run: Run) -> None:
    """So that a job that runs every day can tell."""
    from consentgate.domain.rights.requests import Ask

    past = int(time.time()) - 50 * 86_400
    register().open(Ask.ACCESS, [SUBJECT], now=past, by="visitor", regime="FR")
    code, out, _ = run("list")
    assert code == 1
    assert "LATE" in out


@pytest.mark.requirement("DSR-02")
def test_an_erasure_by_the_operator(run: Run) -> None:
    """Only that subject's events lose their subject; the request is closed and its text gone."""
    name = reference(run("take", "erasure", SUBJECT, "--text", "please")[1])
    assert register().said(name)["text"] == "please"
    code, out, _ = run("erase", name)
    assert (code, "1 events" in out) == (0, True)
    ledger = SqliteLedger("ledger.sqlite3")
    assert [row[2] for row in ledger.rows(0, 9)] == ["", OTHER]
    assert register().said(name) == {}
    assert run("erase", name)[0] == 2
    held = [p for p in Path().rglob("*") if p.is_file() and SUBJECT.encode() in p.read_bytes()]
    assert held == []


@pytest.mark.requirement("DSR-08")
def test_a_hold_stands_in_the_way_until_it_is_released(run: Run) -> None:
    """The erasure waits, and is named when the hold ends."""
    assert run("hold", SUBJECT, "--why", "claim 17")[0] == 0
    code, _, err = run("erase", SUBJECT)
    assert (code, "a hold keeps it" in err) == (1, True)
    (waiting,) = register().requests()
    code, out, _ = run("release", SUBJECT, "--why", "settled")
    assert waiting.reference in out
    assert run("erase", waiting.reference)[0] == 0
    assert run("release", SUBJECT, "--why", "again")[0] == 1


def test_what_is_given_out_is_declared_and_accounted_for(run: Run) -> None:
    """To a declared recipient, declared fields, with a reason; everything else is refused."""
    refused = [
        ("--to", "friend", "--why", "x"),
        ("--to", "lawyer", "--fields", "visits", "--why", "x"),
        ("--to", "lawyer"),
    ]
    for options in refused:
        code, out, _ = run("export", SUBJECT, *options)
        assert (code, out) == (1, "")
    assert acts() == ["refused"] * 3
    code, out, _ = run("export", SUBJECT, "--to", "lawyer", "--why", "claim 17")
    held = json.loads(out)
    assert code == 0
    assert {"events", "services"} <= set(held)
    assert not {"visits", "requests", "disclosures"} & set(held)
    assert run("export", SUBJECT, "--output", "mine.json")[0] == 0
    assert Path("mine.json").stat().st_mode & 0o777 == 0o600
    code, out, _ = run("disclosures", SUBJECT, "--json")
    assert [one["name"] for one in json.loads(out)] == ["Law & Co", "the visitor"]
    assert json.loads(out)[0]["basis"] == "GDPR 9(2)(f)"
    assert run("disclosures", OTHER)[1] == "nobody was given it\n"


def test_a_legal_demand_is_answered_by_rules(run: Run) -> None:
    """Recorded, checked point by point, told to the visitor; then the accounting shows it."""
    export = ("--to", "police", "--why", "demand 5/26")
    assert run("export", SUBJECT, *export)[0] == 1
    code, out, _ = run("demand", SUBJECT, "--issuer", "Court", "--scope", "2026", "--hold")
    name = reference(out)
    assert code == 0
    assert all(point in out for point in CHECKLIST)
    code, _, err = run("export", name, *export)
    assert (code, "checklist" in err) == (1, True)
    run("demand", name, "--passed", ",".join(CHECKLIST))
    code, _, err = run("export", name, *export)
    assert (code, "has not been told" in err) == (1, True)
    assert "Court demands data about you: 2026" in run("answer", name)[1]
    run("demand", name, "--notified", "--objection", "it is too wide")
    assert "objection: it is too wide" in run("demand", name)[1]
    assert run("export", name, *export)[0] == 0
    assert "Garda: events; GDPR 6(1)(c); demand 5/26" in run("disclosures", SUBJECT)[1]
    assert run("erase", SUBJECT)[0] == 1


def test_a_secret_demand_is_told_to_nobody(run: Run) -> None:
    """No letter about it can be printed."""
    code, out, _ = run("demand", SUBJECT, "--issuer", "Court", "--scope", "all", "--barred")
    code, out, err = run("answer", reference(out))
    assert (code, out) == (1, "")
    assert "may not be told" in err


@pytest.mark.parametrize("language", sorted(shipped()))
def test_every_letter_is_whole(run: Run, language: str) -> None:
    """In each language, for each state of a request; the reference stands in all of them."""
    name = reference(run("take", "access", SUBJECT, "--language", language)[1])
    for step in ((), ("extend", name, "--why", "BECAUSE"), ("deny", name, "--why", "NO")):
        if step:
            assert run(*step)[0] == 0
        code, out, err = run("answer", name)
        assert (code, err) == (0, "")
        assert name in out
        assert "privacy@shop.example" in out
        assert all(step[-1] in out for _ in step)
    assert set(shipped()[language]) == set(shipped()["en"])


def test_a_letter_in_another_language_is_english_and_says_so(run: Run) -> None:
    """Rather than none."""
    name = reference(run("take", "access", SUBJECT, "--language", "fi")[1])
    code, out, err = run("answer", name)
    assert (code, "no letter in fi" in err) == (0, True)
    assert "We have received your request" in out


def test_a_changed_register_is_noticed(run: Run) -> None:
    """Nobody can take an entry out unseen."""
    run("hold", SUBJECT, "--why", "claim")
    run("hold", OTHER, "--why", "claim")
    path = Path("rights") / "register.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[1])
    code, _, err = run("list")
    assert (code, "has been changed" in err) == (1, True)


ROLES = """
[role.support]
users = ["{user}"]
acts = ["rights.show", "rights.list"]
purposes = ["request", "quality"]
fields = ["events"]
"""


def test_only_a_role_opens_a_command(run: Run) -> None:
    """Another act, an undeclared purpose, and parts that the role may not see are refused."""
    Path("consentgate.toml").write_text(POLICY + ROLES.format(user=user()), "utf-8")
    code, out, _ = run("show", SUBJECT, "--purpose", "quality")
    assert code == 0
    assert "services" not in json.loads(out)
    code, _, err = run("show", SUBJECT, "--purpose", "curiosity")
    assert (code, "is not declared" in err) == (1, True)
    code, _, err = run("erase", SUBJECT)
    assert (code, "has no role" in err) == (1, True)
    Path("consentgate.toml").write_text(POLICY + ROLES.format(user="somebody"), "utf-8")
    assert run("list")[0] == 1


def test_an_export_of_everybody_is_accounted_for(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """An evidence pack for a lawyer stands in each subject's disclosures; for a friend, it is not
    written."""
    assert main(["ledger", "export", "pack", "--recipient", "friend", "--why", "x"]) == 2
    assert not Path("pack").exists()
    options = ["--recipient", "lawyer", "--why", "claim 17"]
    assert main(["ledger", "export", "pack", *options]) == 0
    capsys.readouterr()
    for subject in (SUBJECT, OTHER):
        assert "Law & Co: events" in run("disclosures", subject)[1]
    assert main(["ledger", "export", "own"]) == 0
    assert acts()[-1] == "exported"


@pytest.mark.parametrize(
    "command",
    [
        ["ledger", "show", SUBJECT],
        ["ledger", "export", "pack"],
        ["log", "export-subject", "--subject", SUBJECT],
        ["log", "erase", "--subject", SUBJECT],
        ["log", "export", "--to", "jsonl"],
        ["report"],
    ],
)
def test_every_command_asks_the_same_place(
    run: Run, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Whoever has no role sees nothing by another command either."""
    text = POLICY + '[log]\ndirectory = "log"\n' + ROLES.format(user="somebody")
    Path("consentgate.toml").write_text(text, "utf-8")
    assert main(command) == 2
    told = capsys.readouterr()
    assert (told.out, "has no role" in told.err) == ("", True)
