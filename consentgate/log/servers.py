"""Owns what becomes of the server's own access log, which would undo a minimised one (LOG-13)."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from consentgate.formats.paths import scrubbed_path

logger = logging.getLogger("consentgate")

ACCESS_LOGGERS = (
    "uvicorn.access",
    "hypercorn.access",
    "gunicorn.access",
    "granian.access",
    "_granian",
)
_UVICORN_ARGUMENTS = 5


class Mute(logging.Filter):
    """Lets no line through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the line."""
        return False


class Minimise(logging.Filter):
    """Lets uvicorn's lines through without address and query; drops what it cannot read."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite ``(address, method, path, version, status)`` in place; fail closed."""
        arguments = record.args
        if not isinstance(arguments, tuple) or len(arguments) != _UVICORN_ARGUMENTS:
            return False
        _, method, path, version, status = arguments
        record.args = ("-", method, scrubbed_path(str(path)), version, status)
        record.__dict__.pop("scope", None)
        return True


_FILTERS = {"mute": Mute, "minimise": Minimise}


def take_over(mode: str) -> None:
    """Put the policy's filter on every server's access logger, once.

    Args:
        mode: ``mute``, ``minimise`` or ``leave``.
    """
    wanted = _FILTERS.get(mode)
    if wanted is None:
        return
    for name in ACCESS_LOGGERS:
        target = logging.getLogger(name)
        if not any(isinstance(known, wanted) for known in target.filters):
            target.addFilter(wanted())


def leaks() -> Iterator[str]:
    """Say which handlers would still print addresses: a sentence each."""
    for name in ACCESS_LOGGERS:
        target = logging.getLogger(name)
        is_filtered = any(isinstance(f, (Mute, Minimise)) for f in target.filters)
        if target.handlers and not is_filtered:
            yield (
                f'the logger "{name}" prints addresses and query strings; set [log] access_log '
                '= "mute" or "minimise", or start the server without its access log'
            )
        for child in _children(name):
            if child.handlers:
                yield f'the logger "{child.name}" has a handler of its own; remove it'


def _children(name: str) -> Iterator[logging.Logger]:
    for other, found in logging.Logger.manager.loggerDict.items():
        if other.startswith(f"{name}.") and isinstance(found, logging.Logger):
            yield found


def warn_of_leaks() -> None:
    """Say at start which other logs would remember visitors."""
    for sentence in leaks():
        logger.warning("consentgate: %s", sentence)
