"""Owns how parts of an older schema are made anew, so that one query reads all of them.

Reading needs no migration: older rows are made new as they are read. Crash-safe: a part is replaced
whole, and the next run goes on with those that are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from consentgate.errors import LogError
from consentgate.log.keeping.day_files import best_format, format_of, whole, write_part
from consentgate.log.keeping.segment_lines import in_order
from consentgate.log.writing.layout import Layout, held, settle
from consentgate.log.writing.segment import encoder


def migrate(layout: Layout) -> Iterator[str]:
    """Make every part anew that is of an older schema or format; say which.

    Raises:
        LogError: there is no site log, or a part cannot be read or written.
    """
    layout.check()
    try:
        with held(layout.state / "lock"):
            for day, path in list(layout.parts()):
                if _is_old(path):
                    count = _renew(path)
                    yield f"events/day={day}/{path.name}: {count} rows made anew"
    except OSError as error:
        raise LogError(f"{error.filename or layout.root}: {error.strerror}") from error


def _is_old(path: Path) -> bool:
    best, form = best_format(), format_of(path)
    with whole(path):
        return best.suffix != form.suffix or not form.is_current(path)


def _renew(path: Path) -> int:
    form, best, encode = format_of(path), best_format(), encoder()
    with whole(path):
        lines = sorted(encode(in_order(row)) for row in form.read(path))
    stem = path.name.removesuffix(form.suffix)
    target = path.with_name(f"{stem}{best.suffix}")
    write_part(path.parent, stem, lines, best).replace(target)
    if target != path:
        path.unlink()
    settle(path.parent)
    return len(lines)
