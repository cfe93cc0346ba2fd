"""Receipts for every reader: whole ones, and each broken in one place, with what is to be said."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from consentgate.domain.events import Event, State
from consentgate.formats.proof.canonical import canonical
from consentgate.formats.proof.notes import Ed25519Signer, HmacKey, sign
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.proof.integrator import Integrator
from consentgate.ledger.proof.memory import MemoryProof
from consentgate.ledger.proof.receipts import receipt_of
from tests.events import grant, refusal
from tests.ledger.proof.made import NOW_MS, ORIGIN, SIGNER, append
from tests.policies import SHOP

VKEY = str(SIGNER.verifier)
STRANGER = Ed25519Signer(ORIGIN, bytes(32))
SALT = bytes(range(32))


class Case(NamedTuple):
    name: str
    text: str
    keys: tuple[str, ...]
    broken: str | None
    signed_by: str = ""


def receipts(events: list[Event], *, vkey: str = VKEY, signers: Any = (SIGNER,)) -> list[str]:
    """The receipts of events in one tree, signed once."""
    ledger, store = MemoryLedger(), MemoryProof()
    append(ledger, *events)
    work = Integrator(
        ledger, store, origin=ORIGIN, signers=signers, random_bytes=lambda size: SALT[:size]
    )
    work.run(NOW_MS)
    return [receipt_of(ledger, store, one.id, vkey=vkey, policy=SHOP) or "" for one in events]


def _events() -> list[Event]:
    return [
        grant(id="1" * 32, subject="ab" * 16, site="Zwölf Töpfe 茶壺 \U0001fad6"),
        refusal(id="2" * 32),
        grant(id="3" * 32, subject="cd" * 16, state=State.RENEWED, services={"maps": True}),
        refusal(id="4" * 32, state=State.WITHDRAWN, purposes={}, expires_ms=0),
        refusal(id="5" * 32, purposes={"10": False, "9": True, "a": False}, language=""),
        grant(id="6" * 32, subject="ef" * 16, at_ms=253_402_300_799_999, site='"subject":"x"'),
        refusal(id="7" * 32, at_ms=0),
    ]


def whole() -> Iterator[Case]:
    """Receipts that hold, of trees of every small size, with and without keys."""
    events = _events()
    for size in range(1, len(events) + 1):
        for at, text in enumerate(receipts(events[:size])):
            yield Case(f"leaf {at} of {size}", text, (), None, ORIGIN)
    (text, *_) = receipts(events)
    yield Case("by a published key", text, (VKEY,), None, ORIGIN)
    yield Case("by one of two keys", text, (str(STRANGER.verifier), VKEY), None, ORIGIN)
    yield Case("by nobody who is known", text, (str(STRANGER.verifier),), None, "")
    (text, *_) = receipts(events, vkey="")
    yield Case("without a key", text, (), None, "")
    (text, *_) = receipts(events, vkey="", signers=[HmacKey(ORIGIN, SALT)])
    yield Case("by a keyed hash", text, (), None, "")
    yield Case("by a keyed hash, with another key", text, (VKEY,), None, "")
    (text, *_) = receipts(events, signers=[STRANGER, SIGNER])
    yield Case("by two keys", text, (), None, ORIGIN)
    yield Case("without its subject", _changed(text, _without_subject), (), None, ORIGIN)
    yield Case(
        "with an extra line", _proof(text, "\nindex", "\nextra AAAA\nindex"), (), None, ORIGIN
    )


Change = Callable[[dict[str, Any]], object]


def _changed(text: str, change: Change) -> str:
    record = json.loads(text)
    change(record)
    return json.dumps(record, ensure_ascii=False)


def _without_subject(record: dict[str, Any]) -> None:
    del (
        record["dpv:hasDataSubject"],
        record["cg:proof"]["cg:subject"],
        record["cg:proof"]["cg:salt"],
    )


def _proof(text: str, old: str, new: str) -> str:
    def change(record: dict[str, Any]) -> None:
        proof = record["cg:proof"]["cg:tlogProof"]
        assert old in proof, old
        record["cg:proof"]["cg:tlogProof"] = proof.replace(old, new)

    return _changed(text, change)


def _leaf(text: str, change: Change) -> str:
    """The receipt with another leaf, its words made to fit it where they can."""

    def both(record: dict[str, Any]) -> None:
        event = json.loads(record["cg:proof"]["cg:leaf"])
        change(event)
        record["cg:proof"]["cg:leaf"] = canonical(event).decode()

    return _changed(text, both)


def _set(*path: str | int, to: object) -> Change:
    def change(record: dict[str, Any]) -> None:
        inner: Any = record
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to

    return change


def _nested(depth: int) -> object:
    inner: object = 1
    for _ in range(depth):
        inner = [inner]
    return inner


STATUS = ("dpv:hasConsentStatus", 0)
PROOF = "cg:proof"
WORDS: dict[str, tuple[Change, str]] = {
    # What it says in words.
    "another id": (_set("dct:identifier", to="x"), "statement"),
    "another notice": (_set("dpv:hasNotice", "cg:sha256", to="00" * 32), "statement"),
    "no notice": (_set("dpv:hasNotice", to=[]), "statement"),
    "another language": (_set("dpv:hasNotice", "dct:language", to="de"), "statement"),
    "another state": (_set(*STATUS, "@type", to="dpv:ConsentRefused"), "statement"),
    "another time": (_set(*STATUS, "dpv:isIndicatedAtTime", to="2026-09-21"), "statement"),
    "another duration": (_set(*STATUS, "dpv:hasDuration", "rdf:value", to="P9Y"), "statement"),
    "a second status": (lambda r: r["dpv:hasConsentStatus"].append({}), "statement"),
    "a status that is no list": (_set("dpv:hasConsentStatus", to={}), "statement"),
    "a refused purpose granted": (_set("dpv:hasProcess", 0, "cg:granted", to=True), "statement"),
    "one for true": (_set("dpv:hasProcess", 2, "cg:granted", to=1), "statement"),
    "a purpose left out": (lambda r: r["dpv:hasProcess"].pop(), "statement"),
    "a purpose twice": (
        lambda r: r["dpv:hasProcess"].__setitem__(0, r["dpv:hasProcess"][1]),
        "statement",
    ),
    "no purposes": (_set("dpv:hasProcess", to=None), "statement"),
    "a purpose that is no object": (_set("dpv:hasProcess", 0, to="x"), "statement"),
    # Whom it is about.
    "another subject": (_set(PROOF, "cg:subject", to="00" * 16), "subject"),
    "another subject in both": (
        lambda r: (
            r[PROOF].update({"cg:subject": "x"}),
            r["dpv:hasDataSubject"].update({"dct:identifier": "x"}),
        ),
        "subject",
    ),
    "another subject in words": (_set("dpv:hasDataSubject", to={"dct:identifier": "x"}), "subject"),
    "a subject without its salt": (lambda r: r[PROOF].pop("cg:salt"), "subject"),
    "a salt without its subject": (lambda r: r[PROOF].pop("cg:subject"), "subject"),
    "another salt": (_set(PROOF, "cg:salt", to=base64.b64encode(bytes(32)).decode()), "subject"),
    "a short salt": (_set(PROOF, "cg:salt", to="AAAA"), "subject"),
    "a salt that is no base64": (_set(PROOF, "cg:salt", to="?"), "subject"),
    "a salt of another type": (_set(PROOF, "cg:salt", to=5), "subject"),
    "half a character for a subject": (
        lambda r: (
            r[PROOF].update({"cg:subject": "\ud800"}),
            r["dpv:hasDataSubject"].update({"dct:identifier": "\ud800"}),
        ),
        "subject",
    ),
    # Keys.
    "a key of another": (_set(PROOF, "cg:verifierKey", to=str(STRANGER.verifier)), None),  # type: ignore[dict-item]
    "a key with another id": (
        _set(PROOF, "cg:verifierKey", to=VKEY.replace("+", "+f", 1)),
        "proof",
    ),
    "a key of another name": (
        _set(PROOF, "cg:verifierKey", to=str(Ed25519Signer("x", SALT).verifier)),
        None,
    ),  # type: ignore[dict-item]
    "a key that is no text": (_set(PROOF, "cg:verifierKey", to=7), "proof"),
    "a key with half a character": (
        _set(PROOF, "cg:verifierKey", to="\ud800+00000000+AAAA"),
        "proof",
    ),
    # What it is.
    "no proof": (lambda r: r.pop(PROOF), "unreadable"),
    "a proof that is a list": (_set(PROOF, to=[]), "unreadable"),
    "a leaf that is no text": (_set(PROOF, "cg:leaf", to={}), "unreadable"),
    "too deep": (_set("x", to=_nested(80)), "unreadable"),
    "just deep enough": (_set("x", to=_nested(60)), None),  # type: ignore[dict-item]
    "unknown fields": (_set("x", to=1e300), None),  # type: ignore[dict-item]
    "a leaf of half a character": (_set(PROOF, "cg:leaf", to='"\ud800"'), "leaf"),
    "a leaf of a number": (_set(PROOF, "cg:leaf", to="1.5"), "leaf"),
    "a leaf of a large number": (_set(PROOF, "cg:leaf", to="9007199254740992"), "leaf"),
    "a leaf of minus zero": (_set(PROOF, "cg:leaf", to="-0"), "leaf"),
    "a leaf of nothing": (_set(PROOF, "cg:leaf", to=""), "leaf"),
    "a leaf with spaces": (
        lambda r: r[PROOF].update({"cg:leaf": r[PROOF]["cg:leaf"] + " "}),
        "leaf",
    ),
}

LEAF: dict[str, tuple[Change, str]] = {
    "a leaf with another purpose": (_set("purposes", "marketing", to=True), "statement"),
    "a leaf with another method": (_set("method", to="accept"), "inclusion"),
    "a leaf with a subject in the open": (_set("subject", to="ab" * 16), "subject"),
    "a leaf without a subject": (_set("subject", to=""), "subject"),
    "a leaf with a time of text": (_set("at_ms", to="x"), "leaf"),
    "a leaf with a time of true": (_set("at_ms", to=True), "leaf"),
    "a leaf before 1970": (_set("at_ms", to=-1), "leaf"),
    "a leaf after 9999": (_set("expires_ms", to=253_402_300_800_000), "leaf"),
    "a leaf with another id": (_set("id", to="ü" * 32), "leaf"),
    "a leaf with purposes of text": (_set("purposes", "marketing", to="no"), "leaf"),
    "a leaf with a list of purposes": (_set("purposes", to=[]), "leaf"),
    "a leaf without a regime": (lambda event: event.pop("regime"), "leaf"),
    "a leaf too deep": (_set("x", to=_nested(80)), "leaf"),
}
"""Changes to the leaf alone."""

NOTE = "c2sp.org/tlog-proof@v1"
PROOFS: dict[str, tuple[str, str, str]] = {
    "another head": (NOTE, "c2sp.org/tlog-proof@v2", "proof"),
    "another index": ("index 0", "index 1", "inclusion"),
    "an index beyond the tree": ("index 0", "index 7", "inclusion"),
    "an index with a zero": ("index 0", "index 00", "proof"),
    "an index below zero": ("index 0", "index -1", "proof"),
    "no index": ("index 0\n", "", "proof"),
    "another size": (f"{ORIGIN}\n7\n", f"{ORIGIN}\n8\n", "signature"),
    "another origin": (f"{ORIGIN}\n7\n", "x\n7\n", None),  # type: ignore[dict-item]
    "a size with a zero": (f"{ORIGIN}\n7\n", f"{ORIGIN}\n07\n", "proof"),
    "no checkpoint": ("\n\n", "\n", "proof"),
    "a carriage return": (f"{ORIGIN}\n7\n", f"{ORIGIN}\r\n7\n", "proof"),
    "a name with a space": (f"— {ORIGIN}", f"— {ORIGIN}\u00a0", "proof"),
    "a name with a separator": (f"— {ORIGIN}", f"— {ORIGIN}\u2028", "proof"),
    "a name with a mark": (f"— {ORIGIN}", f"— {ORIGIN}\ufeff", None),  # type: ignore[dict-item]
}


def broken() -> Iterator[Case]:
    """The same receipt, changed in one place."""
    (text, *_) = receipts(_events())
    for name, (change, rule) in WORDS.items():
        signer = "" if rule or name.startswith("a key of another") else ORIGIN
        yield Case(name, _changed(text, change), (), rule, signer)
    for name, (change, rule) in LEAF.items():
        yield Case(name, _leaf(text, change), (), rule)
    for name, (old, new, rule) in PROOFS.items():
        yield Case(name, _proof(text, old, new), (), rule)
    yield Case("no JSON", text[:-20], (), "unreadable")
    yield Case("a list", "[]", (), "unreadable")
    yield Case("nothing", "", (), "unreadable")
    yield Case("no number", '{"x": NaN}', (), "unreadable")
    yield Case("a mark before it", f"\ufeff{text}", (), "unreadable")
    yield Case("too long", " " * 1_000_001 + text, (), "unreadable")
    yield Case(
        "a number too long",
        text.replace('"@type"', f'"x": {"1" * 5_000}, "@type"', 1),
        (),
        None,
        ORIGIN,
    )
    yield from _of_refusals()


def _of_refusals() -> Iterator[Case]:
    """A refusal is about nobody: a subject put beside it is a lie."""
    text = receipts(_events())[1]
    salt = base64.b64encode(SALT).decode()

    def change(record: dict[str, Any]) -> None:
        record["dpv:hasDataSubject"] = {"dct:identifier": "ab" * 16}
        record[PROOF].update({"cg:subject": "ab" * 16, "cg:salt": salt})

    yield Case("a subject beside a refusal", _changed(text, change), (), "subject")
    checkpoint = json.loads(text)[PROOF]["cg:tlogProof"].partition("\n\n")[2]
    forged = sign(checkpoint.partition("\n\n")[0] + "\n", [STRANGER])
    yield Case("signed by another", _proof(text, checkpoint, forged), (), None, "")


def flipped(count: int) -> Iterator[str]:
    """Receipts with one character changed at random places, for readers to agree on."""
    chosen = random.Random(11)
    texts = receipts(_events())
    for _ in range(count):
        text = chosen.choice(texts)
        at = text.index('"cg:proof"') + chosen.randrange(len(text) - text.index('"cg:proof"'))
        if chosen.random() < 0.3:
            at = chosen.randrange(len(text))
        yield text[:at] + chosen.choice('aZ0"\\{},:+/= \n\u00e9') + text[at + 1 :]
