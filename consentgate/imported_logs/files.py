"""Owns how other programs' logs are read: files, compressed files and streams, in bounded blocks.

Hands on whole lines only, of whatever bytes; knows nothing of what stands in them.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import select
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from consentgate.errors import LogError
from consentgate.formats.access_logs.imported import MAX_CHARS

BLOCK_BYTES = 8 * 1_048_576
_PIECE_BYTES = 128 * 1_024
"""Small enough for the processor's own memory."""
IDLE_SECONDS = 5.0
"""How long lines of a stream wait for more before they are handed on."""
Read = Callable[[], Iterable[bytes]]
"""Gives what a block is made of, in pieces of any length; nothing: there is no more."""


class Block(NamedTuple):
    """Whole lines of one source."""

    pieces: list[bytes]
    """Each of whole lines, each ended by a newline."""
    read_bytes: int
    """How much of the source, as stored, has been read."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, IO[bytes]]]:
    """Open a log; ``.gz``, ``.zst``, ``.bz2`` and ``.xz`` are read as what they hold.

    Returns:
        The stored file (its position says how far), and the stream of its text.

    Raises:
        LogError: it cannot be opened, or its compression is not known here.
    """
    try:
        stored = path.open("rb")
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror}") from error
    with stored:
        yield stored, _plain(path, stored)


def _plain(path: Path, stored: BinaryIO) -> IO[bytes]:
    if path.suffix == ".zst":
        return _zstandard(path, stored)
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(stored))
    if path.suffix == ".bz2":
        return bz2.open(stored)
    return lzma.open(stored) if path.suffix == ".xz" else stored


def _zstandard(path: Path, stored: BinaryIO) -> IO[bytes]:
    try:
        import zstandard
    except ImportError:
        raise LogError(
            f'{path}: .zst needs zstandard; install it: pip install "consentgate[cli]", '
            "or pipe the log in: zstd -dc FILE | consentgate log minimise -"
        ) from None
    reader = zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True)
    return cast(IO[bytes], reader)


def file_blocks(path: Path, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Read a file in blocks.

    Raises:
        LogError: it cannot be read to its end, or is not what its name says.
    """
    with opened(path) as (stored, text):
        try:
            for pieces in whole_lines(lambda: _read(text, block_bytes)):
                yield Block(pieces, stored.tell())
        except _faults(path) as error:
            raise LogError(f"{path}: cannot be read to its end: {error}") from error


def _read(text: IO[bytes], wanted: int) -> Iterator[bytes]:
    while wanted > 0 and (piece := text.read(min(wanted, _PIECE_BYTES))):
        yield piece
        wanted -= len(piece)


def _faults(path: Path) -> tuple[type[Exception], ...]:
    """What a damaged file of that kind raises."""
    if path.suffix != ".zst":
        return (OSError, EOFError, zlib.error, lzma.LZMAError)
    import zstandard

    return (OSError, zstandard.ZstdError)


def stream_blocks(handle: int, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Read a pipe or a terminal in blocks; what has come waits at most IDLE_SECONDS."""
    total = 0
    for pieces in whole_lines(lambda: _available(handle, block_bytes)):
        total += sum(map(len, pieces))
        yield Block(pieces, total)


def _available(handle: int, wanted: int) -> list[bytes]:
    """What comes until there is enough, the end is there, or IDLE_SECONDS have passed."""
    parts: list[bytes] = []
    size, ends = 0, 0.0
    while size < wanted:
        rest = max(0.0, ends - time.monotonic()) if parts else None
        if not select.select([handle], [], [], rest)[0]:
            break
        part = os.read(handle, 1_048_576)
        if not part:
            break
        ends = ends or time.monotonic() + IDLE_SECONDS
        parts.append(part)
        size += len(part)
    text = b"".join(parts)
    return [text[start : start + _PIECE_BYTES] for start in range(0, size, _PIECE_BYTES)]


def whole_lines(read: Read) -> Iterator[list[bytes]]:
    """Cut the pieces that are read after whole lines, block by block.

    A line longer than MAX_CHARS is handed on cut off, one character too long, so that memory is
    bounded and the reader of lines still counts it as one.
    """
    rest = b""
    is_skipping = False
    is_read = True
    while is_read:
        is_read = False
        pieces: list[bytes] = []
        for data in read():
            is_read = True
            if is_skipping:
                _, newline, data = data.partition(b"\n")
                if not newline:
                    continue
                is_skipping = False
            cut = data.rfind(b"\n") + 1
            if cut:
                pieces.append(b"".join((rest, memoryview(data)[:cut])))
                rest = b""
            rest += data[cut:]
            if len(rest) > MAX_CHARS:
                pieces.append(rest[: MAX_CHARS + 1] + b"\n")
                rest, is_skipping = b"", True
        if pieces:
            yield pieces
    if rest:
        yield [rest + b"\n"]


def read_json(text: str) -> Any:
    """Read JSON with the quickest reader that is installed.

    Raises:
        ValueError: it is none.
    """
    return _json_reader()(text)


@cache
def _json_reader() -> Callable[[str], Any]:
    try:
        import orjson
    except ImportError:
        return json.loads
    loads: Callable[[str], Any] = orjson.loads
    return loads
