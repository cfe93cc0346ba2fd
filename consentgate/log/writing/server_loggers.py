"""Owns what becomes of the server's own logs, which would undo a minimised one (LOG-13)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping

from consentgate.formats.urls.scrubbing import scrubbed_path

logger = logging.getLogger("consentgate")

ACCESS_LOGGERS = (
    "uvicorn.access",
    "uvicorn.asgi",
    "hypercorn.access",
    "gunicorn.access",
    "granian.access",
)
ERROR_LOGGERS = ("uvicorn.error", "gunicorn.error")
"""uvicorn tells here of every WebSocket, with address and query, whatever its access log does;
gunicorn of every path at DEBUG, and of the address of whoever sends what it cannot read."""
_UVICORN_ARGUMENTS = 5
_ATOMS = (("m", "U", "H", "s"), ("method", "path", "protocol", "status"))
"""Names of method, path, protocol and status: of hypercorn and gunicorn, and of granian."""


class Mute(logging.Filter):
    """Lets no line through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the line."""
        return False


class Minimise(logging.Filter):
    """Lets the servers' lines through without address and query; drops what it cannot read."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite uvicorn's ``(address, method, path, version, status)`` and the others' tables.

        In place; fails closed.
        """
        arguments = record.args
        if isinstance(arguments, Mapping):
            return _rewritten(record, arguments)
        if not isinstance(arguments, tuple) or len(arguments) != _UVICORN_ARGUMENTS:
            return False
        _, method, path, version, status = arguments
        record.args = ("-", method, scrubbed_path(str(path)), version, status)
        record.__dict__.pop("scope", None)
        return True


def _rewritten(record: logging.LogRecord, atoms: Mapping[str, object]) -> bool:
    """Put method, scrubbed path and status in place of whatever the format would show."""
    for names in _ATOMS:
        if all(name in atoms for name in names):
            method, path, protocol, status = (str(atoms[name]) for name in names)
            record.msg = '- - "%s %s %s" %s'
            record.args = (method, scrubbed_path(path), protocol, status)
            return True
    return False


class MuteSockets(logging.Filter):
    """Lets errors through, and nothing that tells of a connection."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what is below INFO (it dumps connections) and the lines of WebSockets."""
        if record.levelno < logging.INFO or _is_socket_line(record):
            return False
        _forget_sender(record)
        return True


class MinimiseSockets(logging.Filter):
    """Lets the lines of WebSockets through without address and query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite ``(address, path, …)`` in place; fail closed."""
        if record.levelno < logging.INFO:
            return False
        if not _is_socket_line(record):
            _forget_sender(record)
            return True
        arguments = record.args
        if not isinstance(arguments, tuple) or len(arguments) < 2:
            return False
        record.args = ("-", scrubbed_path(str(arguments[1])), *arguments[2:])
        return True


def _is_socket_line(record: logging.LogRecord) -> bool:
    """``%s - "WebSocket %s" [accepted]``, ``%s - "WebSocket %s" 403`` and their like."""
    return bool(record.args) and "WebSocket" in str(record.msg)


def _forget_sender(record: logging.LogRecord) -> None:
    """``Invalid request from ip=…: …`` of gunicorn keeps its first two words."""
    if str(record.msg).startswith(_INVALID):
        record.msg, record.args = _INVALID, ()


_INVALID = "Invalid request"
_FILTERS = {"mute": (Mute, MuteSockets), "minimise": (Minimise, MinimiseSockets)}
_OURS = (Mute, Minimise, MuteSockets, MinimiseSockets)


def take_over(mode: str) -> None:
    """Put the policy's filter on every server's loggers, in place of an earlier policy's.

    Args:
        mode: ``mute``, ``minimise`` or ``leave``, which changes nothing.
    """
    filters = _FILTERS.get(mode)
    if filters is None:
        return
    lines, sockets = filters
    for name in ACCESS_LOGGERS:
        _put(logging.getLogger(name), lines)
    for name in ERROR_LOGGERS:
        _put(logging.getLogger(name), sockets)


def _put(target: logging.Logger, wanted: type[logging.Filter]) -> None:
    known = [found for found in target.filters if isinstance(found, _OURS)]
    if [type(found) for found in known] == [wanted]:
        return
    for found in known:
        target.removeFilter(found)
    target.addFilter(wanted())


def leaks() -> Iterator[str]:
    """Say which handlers would still print addresses: a sentence each."""
    for name in (*ACCESS_LOGGERS, *ERROR_LOGGERS):
        target = logging.getLogger(name)
        if _prints(target) and not any(isinstance(found, _OURS) for found in target.filters):
            yield (
                f'the logger "{name}" prints addresses and query strings; set [log] access_log '
                '= "mute" or "minimise", or start the server without its access log'
            )
        for child in _children(name):
            if child.handlers:
                yield f'the logger "{child.name}" has a handler of its own; remove it'


def _prints(target: logging.Logger) -> bool:
    """Whether a line of an access log would reach a handler, its own or the root's."""
    is_loaded = target.name.partition(".")[0] in sys.modules
    is_shown = target.isEnabledFor(_LEVELS.get(target.name, logging.INFO))
    return is_shown and bool(target.handlers or (is_loaded and target.hasHandlers()))


_LEVELS = {"uvicorn.asgi": 5}
"""uvicorn's TRACE; everything else speaks at INFO."""


def _children(name: str) -> Iterator[logging.Logger]:
    for other, found in logging.Logger.manager.loggerDict.items():
        if other.startswith(f"{name}.") and isinstance(found, logging.Logger):
            yield found


def warn_of_leaks() -> None:
    """Say at start which other logs would remember visitors."""
    for sentence in leaks():
        logger.warning("consentgate: %s", sentence)
