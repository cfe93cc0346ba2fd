"""Other programs judge what this one writes: a second reader in JavaScript, and those of Go's logs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from consentgate.formats.proof.merkle import consistency_proof
from consentgate.formats.proof.notes import verifier_of
from consentgate.formats.proof.receipts import check
from consentgate.formats.proof.tiles import subtree_in_tiles
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.proof.memory import MemoryProof
from consentgate.ledger.proof.receipts import receipt_of
from tests.events import grant, refusal
from tests.ledger.proof.made import NOW_MS, ORIGIN, SIGNER, append, integrator
from tests.ledger.proof.receipt_cases import Case, broken, flipped, whole
from tests.programs import needed

ROOT = Path(__file__).resolve().parents[3]
TRANSPARENCY = Path(__file__).parent / "transparency"
RUN = """
const fs = require('fs');
require('vm').runInThisContext(fs.readFileSync(process.argv[1], 'utf8'));
const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const one = ([text, keys]) => privacyReceipt.check(text, keys).then((found) => [found.broken, found.signedBy, found.isOwnKey]);
Promise.all(given.map(one)).then((all) => process.stdout.write(JSON.stringify(all)));
"""


def judged_by_javascript(cases: list[tuple[str, tuple[str, ...]]]) -> list[list[object]]:
    ran = subprocess.run(
        [needed("node"), "-e", RUN, str(ROOT / "static" / "receipt-verify.js")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return list(json.loads(ran.stdout))


def test_the_second_reader_agrees_on_every_receipt() -> None:
    """Each whole and each broken receipt is judged alike, to the rule and the key."""
    cases: list[Case] = [*whole(), *broken()]
    told = judged_by_javascript([(case.text, case.keys) for case in cases])
    found = {case.name: tuple(one[:2]) for case, one in zip(cases, told, strict=True)}
    assert found == {case.name: (case.broken, case.signed_by) for case in cases}


def test_the_second_reader_agrees_on_receipts_of_chance() -> None:
    """Two thousand receipts with one character changed, wherever it is."""
    texts = list(flipped(2_000))
    mine = [check(text) for text in texts]
    told = judged_by_javascript([(text, ()) for text in texts])
    for text, here, there in zip(texts, mine, told, strict=True):
        assert [here.broken, here.signed_by, here.is_own_key] == there, text
    assert sum(one.broken is None for one in mine) < 1_000 < sum(bool(one.broken) for one in mine)


def test_a_wrong_key_is_no_receipt() -> None:
    """What an operator gives as a key is refused by both readers, each in its own way."""
    (text, *_) = (case.text for case in whole())
    assert judged_by_javascript([(text, ("nonsense",))]) == [["proof", "", False]]
    with pytest.raises(ValueError, match="expected"):
        verifier_of("nonsense")


@pytest.fixture(scope="module")
def transparency(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in transparency/: readers of the Go module proxy, built once."""
    program = tmp_path_factory.mktemp("go") / "transparency"
    built = subprocess.run(
        [needed("go"), "build", "-o", str(program), "."],
        cwd=TRANSPARENCY,
        env={**os.environ, "GOFLAGS": "-mod=readonly"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if built.returncode and not os.environ.get("CI"):
        pytest.skip(f"the modules of the Go proxy are not at hand: {built.stderr[-200:]}")
    assert built.returncode == 0, built.stderr
    return program


def test_readers_of_transparency_logs_agree(transparency: Path) -> None:
    """sumdb/note, sumdb/tlog, transparency-dev/formats and merkle take every leaf and every growth."""
    document = grown_document([1, 2, 3, 7, 8, 64, 200])
    ran = judged_by_go(transparency, document)
    assert ran == f"ok {len(document['Leaves'])} {len(document['Growth'])}\n"
    assert (len(document["Leaves"]), len(document["Growth"])) == (285, 21)


@pytest.mark.parametrize("what", ["leaf", "proof", "growth", "checkpoint"])
def test_readers_of_transparency_logs_see_a_change(transparency: Path, what: str) -> None:
    """The control: each kind of change is refused by them too."""
    document = grown_document([5, 9])
    if what == "leaf":
        document["Leaves"][3]["Leaf"] += " "
    elif what == "proof":
        document["Leaves"][3]["TlogProof"] = document["Leaves"][4]["TlogProof"]
    elif what == "growth":
        document["Growth"][0]["Proof"].reverse()
    else:
        document["Leaves"][0]["TlogProof"] = document["Leaves"][0]["TlogProof"].replace(
            "\n5\n", "\n6\n"
        )
    assert not judged_by_go(transparency, document).startswith("ok")


def judged_by_go(program: Path, document: dict[str, object]) -> str:
    ran = subprocess.run(
        [str(program)],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.stdout


def grown_document(sizes: list[int]) -> dict[str, list[dict[str, object]]]:
    """A ledger signed at each size: the receipts of every leaf then, and the growth between all."""
    ledger, store = MemoryLedger(), MemoryProof()
    leaves: list[dict[str, object]] = []
    for size in sizes:
        missing = size - store.position().size
        append(ledger, *((grant, refusal)[at % 2]() for at in range(missing)))
        integrator(ledger, store).run(NOW_MS)
        for leaf in store.leaves(0, size):
            proof = json.loads(receipt_of(ledger, store, leaf.id) or "")["cg:proof"]
            leaves.append({"Leaf": proof["cg:leaf"], "TlogProof": proof["cg:tlogProof"]})
    subtree = subtree_in_tiles(store.tile)
    notes = {one.size: one.note for one in store.checkpoints()}
    growth: list[dict[str, object]] = [
        {
            "Old": notes[old],
            "New": notes[new],
            "Proof": [
                base64.b64encode(one).decode() for one in consistency_proof(subtree, old, new)
            ],
        }
        for new in sizes
        for old in sizes
        if old < new
    ]
    head = {"Origin": ORIGIN, "VerifierKey": str(SIGNER.verifier)}
    return {**head, "Leaves": leaves, "Growth": growth}  # type: ignore[dict-item]
