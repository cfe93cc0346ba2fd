"""Owns reading the file of a page that the app leaves to the server; never knows what is in it."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Send

PIECE_BYTES = 65_536


async def send_file(message: Message, send: Send) -> None:
    """Send the file that a message names, piece by piece, as the app itself would have.

    Args:
        message: ``http.response.pathsend``; it ends the answer.
        send: takes the pieces of the body, and gates them.

    Raises:
        OSError: the file cannot be read; the server then breaks the answer off, as it does for
            a file of its own.
    """
    file = await run_in_threadpool(Path(message["path"]).open, "rb")
    try:
        piece = await run_in_threadpool(file.read, PIECE_BYTES)
        while piece:
            following = await run_in_threadpool(file.read, PIECE_BYTES)
            await send(_body(piece, is_last=not following))
            piece = following
            if not piece:
                return
        await send(_body(b"", is_last=True))
    finally:
        await run_in_threadpool(file.close)


def _body(piece: bytes, *, is_last: bool) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": not is_last}
