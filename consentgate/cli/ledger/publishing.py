"""Owns publishing a checkpoint outside: to a file, or to a web address by PUT."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from consentgate.errors import ProofError, SettingError
from consentgate.formats.proof.checkpoints import checkpoint_of
from consentgate.formats.proof.merkle import range_hash
from consentgate.formats.proof.notes import open_note
from consentgate.formats.proof.tiles import subtree_in_tiles
from consentgate.ledger.proof import ProofStore, Signed
from consentgate.log.writing.whole_file import FinishedFile

TOKEN = "CONSENTGATE_PUBLISH_TOKEN"
_SECONDS = 30
_MOST_BYTES = 1 << 16


def publish(where: str, store: ProofStore, signed: Signed) -> None:
    """Publish a checkpoint, unless the one that is there denies it.

    Args:
        where: a path, or ``https://…``: the checkpoint is read back with GET and written with
            PUT; ``CONSENTGATE_PUBLISH_TOKEN`` is sent as a bearer token.
        store: the proof that the checkpoint is of.
        signed: the checkpoint.

    Raises:
        ProofError: what was published there is not a beginning of this ledger; or it cannot be
            published.
        SettingError: the address is not one of these.
        OSError: the file cannot be written.
    """
    if "://" in where:
        _check_scheme(where)
        _check_published(where, _read(where), store, signed.size)
        _send(where, signed.note)
        return
    path = Path(where)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    _check_published(where, before, store, signed.size)
    with FinishedFile(path) as file:
        file.write(signed.note.encode("utf-8"))


def _check_scheme(url: str) -> None:
    """A token goes over the open network to nobody."""
    is_local = url.startswith(("http://localhost", "http://127.0.0.1", "http://[::1]"))
    if not url.startswith("https://") and not is_local:
        raise SettingError(f"--publish {url}: expected a path or https://")


def _request(url: str, method: str, body: bytes | None = None) -> urllib.request.Request:
    headers = {"content-type": "text/plain; charset=utf-8"} if body is not None else {}
    token = os.environ.get(TOKEN, "").strip()
    if token:
        headers["authorization"] = f"Bearer {token}"
    return urllib.request.Request(url, data=body, headers=headers, method=method)


def _read(url: str) -> str:
    """What was published; empty where nothing was, or where it may be written and not read."""
    try:
        with urllib.request.urlopen(_request(url, "GET"), timeout=_SECONDS) as answer:
            body: bytes = answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (403, 404, 405, 410):
                return ""
            raise ProofError(f"{url}: cannot be read: {error.code}") from error
    except (OSError, ValueError) as error:
        raise ProofError(f"{url}: cannot be read: {error}") from error
    return body.decode("utf-8", "replace")


def _send(url: str, note: str) -> None:
    try:
        sent = _request(url, "PUT", note.encode("utf-8"))
        urllib.request.urlopen(sent, timeout=_SECONDS).close()
    except urllib.error.HTTPError as error:
        with error:
            raise ProofError(f"{url}: does not take the checkpoint: {error.code}") from error
    except (OSError, ValueError) as error:
        raise ProofError(f"{url}: does not take the checkpoint: {error}") from error


def _check_published(where: str, text: str, store: ProofStore, size: int) -> None:
    """What was published must be a beginning of what is published now."""
    if not text:
        return
    try:
        before = checkpoint_of(open_note(text, ()).text)
    except ValueError as error:
        raise ProofError(f"{where}: holds no checkpoint: {error}; name another place") from error
    is_beginning = 0 < before.size <= size and (
        range_hash(subtree_in_tiles(store.tile), 0, before.size) == before.root
    )
    if before.size and not is_beginning:
        raise ProofError(
            f"{where}: the ledger is not the one that was published there at {before.size} events; "
            "nothing was written; run consentgate ledger verify --anchor with what is there"
        )
