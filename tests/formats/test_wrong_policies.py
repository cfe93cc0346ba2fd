"""A corpus of wrong policies: each gets the right answer, at the right line, and says what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from consentgate.asgi.startup.policy_file import load_catalogue, load_policy, load_regimes
from consentgate.asgi.startup.texts import load_texts
from consentgate.cli import main
from consentgate.errors import Fault, PolicyError
from consentgate.formats.policy.advice import advise
from consentgate.formats.policy.reader import parse_policy

CORPUS = Path(__file__).parent.parent / "corpora" / "wrong_policies.txt"
HEAD = 'version = "1"\neffective = 2026-11-01\n[controller]\nname = "Shop"\n'
Case = tuple[str, str, str]


def cases() -> list[Case]:
    """Id, part of the answer, and the policy."""
    text = CORPUS.read_text(encoding="utf-8").partition("\n---")[2]
    found = []
    for case in ("---" + text).split("\n---"):
        first, _, body = case.removeprefix("---").partition("\n")
        fault_id, _, needle = first.strip().partition(" | ")
        policy = body if body.startswith("version") else HEAD + body
        if body.startswith("secret "):
            policy = body + HEAD
        found.append((fault_id, needle, policy))
    return found


CASES = cases()


def answers(text: str) -> tuple[Fault, ...]:
    """Everything that is said of a policy."""
    catalogue = load_catalogue()
    try:
        policy = parse_policy(
            text, catalogue=catalogue, regimes=load_regimes()["regime"], texts=load_texts()
        )
    except PolicyError as error:
        return error.faults
    return advise(policy, text, name="consentgate.toml", catalogue=catalogue)


@pytest.mark.parametrize(("fault_id", "needle", "text"), CASES, ids=range(len(CASES)))
def test_a_wrong_policy_gets_the_right_answer(fault_id: str, needle: str, text: str) -> None:
    """The id, the line, what was expected; advice exactly where a policy is valid all the same."""
    told = answers(text)
    wanted = [fault for fault in told if fault.id == fault_id.rstrip("?")]
    shown = "\n".join(map(str, told))
    assert any(needle in fault.message for fault in wanted), f"{text}\n{shown}"
    marked = [n for n, line in enumerate(text.splitlines(), 1) if line.rstrip().endswith("#!")]
    lines = [int(re.search(r":(\d+):", fault.place)[1]) for fault in wanted]  # type: ignore[index]
    assert not marked or set(marked) & set(lines), f"{text}\n{shown}"


def test_the_corpus_is_large_enough() -> None:
    """At least 120 wrong files, of every id that a file alone can bring about."""
    assert len(CASES) >= 120


@pytest.mark.parametrize(
    ("raw", "line", "named"),
    [
        (b"\xef\xbb\xbf" + HEAD.encode(), 1, "UTF-8 with a byte order mark"),
        (HEAD.encode("utf-16"), 1, "UTF-16"),
        (HEAD.encode("utf-16-be"), 1, "UTF-16"),
        ((HEAD + "address = 'Köln'\n").encode("latin-1"), 5, "Latin-1"),
        ((HEAD + "address = 'Köln \u20ac'\n").encode("cp1252"), 5, "Latin-1"),
    ],
)
def test_another_encoding_is_named(raw: bytes, line: int, named: str, tmp_path: Path) -> None:
    """With the line of the first byte that does not fit, and what to save it as."""
    path = tmp_path / "policy.toml"
    path.write_bytes(raw)
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    (fault,) = caught.value.faults
    assert (fault.id, fault.place) == ("CG150", f"{path}:{line}:")
    assert f"is in {named}" in fault.message


def test_check_tells_advice_and_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Advice leaves the status 0, and 1 where it is strict; places on disk are looked at."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    path = tmp_path / "policy.toml"
    more = '[regimes]\nplace_database = "gone.mmdb"\n[log]\ndirectory = "file/log"\n'
    path.write_text(HEAD + more, encoding="utf-8")
    assert main(["check", str(path)]) == 0
    told = capsys.readouterr().err
    assert f'advice: {path}:6: [regimes] place_database = "gone.mmdb": is not there' in told
    assert f"{path}:8: [log] directory: " in told
    assert main(["check", "--strict", str(path)]) == 1
    capsys.readouterr()
    assert main(["check", "--json", str(path)]) == 0
    ids = [one["id"] for one in json.loads(capsys.readouterr().out)["advice"]]
    assert ids == ["CG166", "CG167"]
