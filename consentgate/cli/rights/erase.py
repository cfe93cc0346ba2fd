"""``consentgate rights erase``: erases what is held of a visitor, and closes the request."""

from __future__ import annotations

import argparse
import asyncio
import sys

from consentgate.asgi.faults import Faults
from consentgate.asgi.rights.erasing import Eraser
from consentgate.asgi.rights.hooks import called
from consentgate.cli.access.app_hooks import add_hooks, hooks_of
from consentgate.cli.rights.opening import add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.rights.requests import Ask, Fate


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    add_whom(parser)
    add_hooks(parser)


def run(options: argparse.Namespace) -> int:
    """Erase and say what was done; 1 where a hold keeps it: the request then waits for its end."""
    desk = desk_of(options, "rights.erase")
    subjects, reference = subjects_of(desk, options.whom)
    register, hooks = desk.register, hooks_of(options)
    if not reference:
        reference = register.open(Ask.ERASURE, subjects, now=desk.now, by=desk.user).reference
    if register.is_held(subjects):
        register.close(reference, Fate.HELD, now=desk.now, by=desk.user, why="a hold keeps it")
        print(f"{reference}: a hold keeps it; consentgate rights release ends it", file=sys.stderr)
        return 1
    sources = desk.sources()
    try:
        eraser = Eraser(sources.ledger, desk.known(), register, hooks, Faults())
        names = eraser.names_of(subjects, desk.now)
        for column, values in register.said(reference).get("names", {}).items():
            names.setdefault(column, []).extend(values)
        done = eraser.erase_held(subjects, names, desk.now)
    finally:
        sources.ledger.close()
    if hooks.erase_of is not None:
        for subject in subjects:
            asyncio.run(called(hooks.erase_of, subject))
    register.close(
        reference,
        Fate.ANSWERED,
        now=desk.now,
        by=desk.user,
        events=done.events,
        visits=done.visits,
    )
    app = "the app's own data too" if hooks.erase_of else "the app's own data was not touched"
    print(f"{reference}: {done.events} events and {done.visits} rows erased; {app}")
    return 0
