"""``consentgate rights show``: prints a request, or what is held of a visitor."""

from __future__ import annotations

import argparse
import json

from consentgate.asgi.rights.collecting import collect
from consentgate.cli.rights.list import document
from consentgate.cli.rights.opening import add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.days import day_of
from consentgate.domain.rights.access import only


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    add_whom(parser)


def run(options: argparse.Namespace) -> int:
    """Print it as JSON, as far as the caller's role may see it; that it was seen is noted."""
    desk = desk_of(options, "rights.show")
    register, whom = desk.register, options.whom
    if whom.startswith("R-"):
        request = register.request(whom)
        register.note("shown", by=desk.user, now=desk.now, request=whom, purpose=options.purpose)
        told = document(request, day_of(desk.now))
        print(json.dumps({**told, **register.said(whom)}, indent=2, ensure_ascii=False))
        return 0
    subjects, _ = subjects_of(desk, whom)
    who = [register.who(one) for one in subjects]
    register.note("shown", by=desk.user, now=desk.now, who=who, purpose=options.purpose)
    held = only(collect(desk.sources(), subjects, desk.now), desk.access.fields)
    print(json.dumps(held, indent=2, ensure_ascii=False, default=str))
    return 0
