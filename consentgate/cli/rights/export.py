"""``consentgate rights export``: writes what is held of a visitor, and notes who gets it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from consentgate.asgi.rights.collecting import collect
from consentgate.asgi.rights.hooks import called
from consentgate.cli.access.app_hooks import add_hooks, hooks_of
from consentgate.cli.access.giving import VISITOR, disclose
from consentgate.cli.rights.opening import Desk, add_desk, add_whom, desk_of, subjects_of
from consentgate.domain.rights.access import EVERYTHING, PARTS, only, undeclared
from consentgate.domain.rights.requests import CHECKLIST, Ask, Fate, unmet
from consentgate.errors import RightsError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_desk(parser)
    add_whom(parser)
    add_hooks(parser)
    parser.add_argument(
        "--to", default=VISITOR.key, metavar="KEY", help="a [recipient.KEY] of the policy"
    )
    parser.add_argument("--fields", default="", help=f"parts: {', '.join(PARTS)}; with commas")
    parser.add_argument("--why", default="", help="why it is given out; needed with --to")
    parser.add_argument("--output", type=Path, help="a new file, mode 0600; else it is printed")


def run(options: argparse.Namespace) -> int:
    """Note it, then write it; an access request is answered with that."""
    desk = desk_of(options, "rights.export")
    subjects, reference = subjects_of(desk, options.whom)
    fields = options.fields.split(",") if options.fields else _declared(desk, options.to)
    _check_role(desk, fields)
    _check_demand(desk, reference, options.to)
    register = desk.register
    who = [register.who(one) for one in subjects]
    disclose(register, desk.policy, options.to, fields, who=who, why=options.why, request=reference)
    held = collect(desk.sources(), subjects, desk.now)
    hook = hooks_of(options).data_of
    if hook is not None:
        held["app"] = asyncio.run(called(hook, subjects[0]))
    text = json.dumps(only(held, fields), indent=2, ensure_ascii=False, default=str) + "\n"
    if options.output is None:
        sys.stdout.write(text)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(options.output, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        print(f"{options.output}: {', '.join(fields)} for {options.to}; it is in the register")
    if reference and register.request(reference).ask is Ask.ACCESS and options.to == VISITOR.key:
        register.close(reference, Fate.ANSWERED, now=desk.now, by=desk.user)
    return 0


def _declared(desk: Desk, key: str) -> list[str]:
    """What the recipient may be given, where nothing less is asked for."""
    for one in desk.policy.recipients:
        if one.key == key:
            return list(one.fields)
    return list(desk.access.fields)


def _check_role(desk: Desk, fields: list[str]) -> None:
    """Refuse what the caller's role may not see."""
    wanted = list(PARTS) if EVERYTHING in fields else fields
    wrong = undeclared(wanted, desk.access.fields)
    if wrong:
        raise RightsError(f"rights.export: {desk.access.why} may not see {', '.join(wrong)}")


def _check_demand(desk: Desk, reference: str, key: str) -> None:
    """Refuse an authority whose demand did not pass, or of which the visitor knows nothing.

    Raises:
        RightsError: and what is missing.
    """
    kinds = {one.key: one.kind for one in desk.policy.recipients}
    if kinds.get(key) != "authority":
        return
    request = desk.register.request(reference) if reference else None
    if request is None or request.ask is not Ask.DEMAND:
        raise RightsError(f"{key}: name its demand (R-…); consentgate rights demand takes it in")
    missing = unmet(request.passed)
    if missing:
        told = "\n".join(f"  {point}: {CHECKLIST[point]}" for point in missing)
        raise RightsError(f"{reference}: these points of the checklist are open:\n{told}")
    if not request.is_notified and not request.is_barred:
        raise RightsError(
            f"{reference}: the visitor has not been told; consentgate rights answer {reference} "
            f"prints the letter, consentgate rights demand {reference} --notified notes it"
        )
