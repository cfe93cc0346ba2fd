"""Owns the evidence pack: a folder that holds everything a verifier needs, and the way back.

The way back fills an empty ledger and its proof, which ``verify`` then judges like any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from consentgate.domain.events import event_of
from consentgate.domain.policy.policy import Policy
from consentgate.errors import ProofError
from consentgate.formats.proof.encoding import base64_of, bytes_of
from consentgate.formats.proof.leaves import SALT_BYTES, has_subject, leaf_of
from consentgate.formats.proof.merkle import leaf_hash
from consentgate.formats.proof.records import CONTEXT, record_of
from consentgate.formats.proof.tables import COLUMNS, csv_line, event_line
from consentgate.formats.proof.tiles import WIDTH, hashes_of, tiles_after
from consentgate.ledger import Ledger, Restorable, Row, WholeRow
from consentgate.ledger.following import rows_behind
from consentgate.ledger.proof import Leaf, ProofStore, Signed

_STEP = 4 * WIDTH
LEDGER, CSV, RECORDS, CHECKPOINTS = "ledger.jsonl", "events.csv", "records.jsonld", "checkpoints"
INSTRUCTIONS = """\
Evidence of recorded privacy choices

ledger.jsonl    every event: its index in the tree, its number, its exact text, its salt
events.csv      the same for a spreadsheet
records.jsonld  the same as consent records (ISO/IEC TS 27560 in the words of the W3C DPV)
notices/        what visitors were shown; each file's name is the SHA-256 of its bytes
policies/       what purposes and services meant under each policy, by the hash that events name
checkpoints/    what the operator signed at each size (C2SP tlog-checkpoint)
keys.txt        the verifier keys of those signatures (C2SP signed-note), where anyone may have them
SHA256SUMS      of every other file: sha256sum -c SHA256SUMS

To verify with consentgate:
  consentgate ledger restore FOLDER --to restored.sqlite3
  consentgate ledger verify --ledger sqlite:restored.sqlite3 --key "$(head -n 1 keys.txt)"
Add --anchor FILE for a checkpoint that was published when it was signed.

To verify with other programs:
1. The leaf of an event is its text. Where it has a salt, the value of "subject" in the leaf is
   "salted:" and the hexadecimal SHA-256 of the byte 0x02, the 32 bytes of the salt and the subject.
2. The hash of a leaf is the SHA-256 of the byte 0x00 and the leaf; a node's is that of 0x01 and
   its two children. The tree is that of RFC 6962 (RFC 9162, section 2.1), in the order of indexes.
   Lines with "hash" and no event stand for events whose retention is over.
3. The root over the first N leaves is the third line of checkpoints/N.txt, and that file is signed
   by a key of keys.txt. The Go module golang.org/x/mod/sumdb/note reads and checks it.

What this shows: these events stood in the ledger in this order when each checkpoint was signed.
What it cannot show: that an event was not made up before it was signed.
"""


class Packed(NamedTuple):
    """What was written."""

    events: int
    notices: int
    checkpoints: int


def export(
    ledger: Ledger,
    store: ProofStore,
    folder: Path,
    *,
    keys: tuple[str, ...] = (),
    policy: Policy | None = None,
    policy_text: bytes = b"",
) -> Packed:
    """Write a pack into a folder that is empty or not there yet.

    Args:
        ledger: whose events are written.
        store: its proof.
        folder: where to.
        keys: verifier keys of the checkpoints.
        policy: in force, for what records share.
        policy_text: its file as it is.

    Raises:
        ProofError: the folder holds something.
        LedgerUnavailable: ledger or proof cannot be read.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise ProofError(f"{folder}: is not empty; name a folder that is not there yet")
    events = _write_events(ledger, store, folder, policy)
    notices = _write_notices(ledger, folder)
    checkpoints = _write_checkpoints(store, folder)
    _write_policies(ledger, folder, policy_text)
    (folder / "keys.txt").write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    (folder / "README.txt").write_text(INSTRUCTIONS, encoding="utf-8")
    _write_sums(folder)
    return Packed(events, notices, checkpoints)


def _write_events(ledger: Ledger, store: ProofStore, folder: Path, policy: Policy | None) -> int:
    written = 0
    with contextlib.ExitStack() as stack:
        lines, table, records = (
            stack.enter_context((folder / name).open("w", encoding="utf-8", newline=""))
            for name in (LEDGER, CSV, RECORDS)
        )
        for index, one in _pruned(store):
            _line(lines, {"index": index, "hash": base64_of(one)})
        table.write(csv_line(list(COLUMNS)))
        records.write('{"@context":' + json.dumps(dict(CONTEXT)) + ',"@graph":[')
        for leaf, row in _leaves_and_rows(ledger, store):
            _line(lines, _exact(leaf, row))
            event = _readable(row[3])
            if event is None:
                continue
            table.write(event_line(leaf.at if leaf else None, row[0], event))
            record = record_of(event, policy, is_receipt=False)
            records.write((",\n" if written else "\n") + json.dumps(record, ensure_ascii=False))
            written += 1
        records.write("\n]}\n")
    return written


def _leaves_and_rows(ledger: Ledger, store: ProofStore) -> Iterator[tuple[Leaf | None, Row]]:
    """Every row with its leaf, if it has one, in the order of numbers."""
    leaves = _every_leaf(store)
    leaf = next(leaves, None)
    for row in rows_behind(ledger, 0, at_once=_STEP):
        while leaf is not None and leaf.number < row[0]:
            leaf = next(leaves, None)
        yield (leaf if leaf is not None and leaf[1:3] == row[:2] else None), row


def _every_leaf(store: ProofStore) -> Iterator[Leaf]:
    position = store.position()
    for at in range(position.pruned, position.size, _STEP):
        yield from store.leaves(at, min(_STEP, position.size - at))


def _pruned(store: ProofStore) -> Iterator[tuple[int, bytes]]:
    """The hashes of leaves whose events are gone."""
    end = store.position().pruned
    for number in range(-(-end // WIDTH)):
        for offset, one in enumerate(hashes_of(store.tile(0, number))):
            if number * WIDTH + offset < end:
                yield number * WIDTH + offset, one


def _exact(leaf: Leaf | None, row: Row) -> dict[str, Any]:
    """A row as it is stored: text where it is text."""
    line: dict[str, Any] = {"index": leaf.at if leaf else None, "number": row[0], "id": row[1]}
    if leaf and leaf.salt:
        line["salt"] = base64_of(leaf.salt)
    try:
        return {**line, "event": row[3].decode("utf-8")}
    except UnicodeDecodeError:
        return {**line, "bytes": base64_of(row[3])}


def _line(file: TextIO, value: Mapping[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def _readable(body: bytes) -> dict[str, Any] | None:
    """The event's fields; None where the bytes are no event."""
    try:
        event_of(body)
    except ValueError:
        return None
    return dict(json.loads(body))


def _write_notices(ledger: Ledger, folder: Path) -> int:
    (folder / "notices").mkdir()
    written = 0
    for name, _ in ledger.notices():
        body = ledger.notice(name)
        if body is not None and name.isalnum():
            (folder / "notices" / name).write_bytes(body)
            written += 1
    return written


def _write_checkpoints(store: ProofStore, folder: Path) -> int:
    (folder / CHECKPOINTS).mkdir()
    written = store.checkpoints()
    for one in written:
        (folder / CHECKPOINTS / f"{one.size}.txt").write_text(one.note, encoding="utf-8")
    times = {str(one.size): one.at_ms for one in written}
    (folder / CHECKPOINTS / "times.json").write_text(json.dumps(times), encoding="utf-8")
    return len(written)


def _write_policies(ledger: Ledger, folder: Path, policy_text: bytes) -> None:
    (folder / "policies").mkdir()
    for name, table in ledger.meanings().items():
        (folder / "policies" / f"{name.hex()}.json").write_text(table, encoding="utf-8")
    if policy_text:
        (folder / "policies" / "policy-in-force.toml").write_bytes(policy_text)


def _write_sums(folder: Path) -> None:
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def restore(folder: Path, ledger: Restorable) -> None:
    """Bring a pack back into an empty ledger; nothing of it is believed before ``verify``.

    Raises:
        ProofError: the ledger holds something already, or the folder is no pack.
        LedgerUnavailable: the ledger cannot be written.
        OSError: the folder cannot be read.
    """
    store = ledger.proof
    if ledger.rows(0, 1) or store.position().size:
        raise ProofError("that ledger is there already and not empty; name a new one")
    try:
        _restore_events(folder, ledger)
        notices = sorted((folder / "notices").iterdir())
        policies = sorted((folder / "policies").glob("*.json"))
        ledger.save(
            notices={path.name: path.read_bytes() for path in notices},
            meanings={bytes.fromhex(path.stem): path.read_text("utf-8") for path in policies},
        )
        times = json.loads((folder / CHECKPOINTS / "times.json").read_text(encoding="utf-8"))
        for path in (folder / CHECKPOINTS).glob("*.txt"):
            note = path.read_text(encoding="utf-8")
            store.sign(Signed(int(path.stem), int(times.get(path.stem, 0)), note))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProofError(f"{folder}: is no evidence pack: {error}") from error


def _restore_events(folder: Path, ledger: Restorable) -> None:
    store = ledger.proof
    with (folder / LEDGER).open(encoding="utf-8") as lines:
        size = pruned = 0
        while step := [json.loads(line) for line in islice(lines, _STEP)]:
            leaves = [_leaf(one) for one in step if one["index"] is not None and "hash" not in one]
            hashes = [_hash(one) for one in step if one["index"] is not None]
            pruned += sum("hash" in one for one in step)
            ledger.put([_row(one) for one in step if "hash" not in one])
            store.extend(leaves, tiles_after(store.tile, size, hashes))
            size += len(hashes)
    if pruned:
        store.prune(pruned)


def _body(line: Mapping[str, Any]) -> bytes:
    return str(line["event"]).encode("utf-8") if "event" in line else bytes_of(line["bytes"])


def _row(line: Mapping[str, Any]) -> WholeRow:
    body = _body(line)
    event = _readable(body) or {}
    subject = event.get("subject", "") if has_subject(body) else ""
    return (
        int(line["number"]),
        str(line["id"]),
        event.get("at_ms", 0),
        event.get("kind", ""),
        subject,
        body,
    )


def _leaf(line: Mapping[str, Any]) -> Leaf:
    return Leaf(int(line["index"]), int(line["number"]), str(line["id"]), _salt(line))


def _salt(line: Mapping[str, Any]) -> bytes | None:
    return bytes_of(line["salt"]) if "salt" in line else None


def _hash(line: Mapping[str, Any]) -> bytes:
    if "hash" in line:
        return bytes_of(line["hash"])
    # A lost salt makes another hash, which verify then names.
    return leaf_hash(leaf_of(_body(line), _salt(line) or bytes(SALT_BYTES)))
