"""``consentgate policy``: says what a new policy changes, and keeps what earlier ones meant."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from consentgate.asgi.startup.policy_file import load_policy
from consentgate.cli.policy import archive as policy_archive
from consentgate.domain.choices import Choice
from consentgate.domain.decision import EARLIEST, decide
from consentgate.domain.policy.changes import Change, Changes, Kind, changes_between
from consentgate.domain.policy.fingerprints import meaning_of
from consentgate.domain.policy.policy import Policy
from consentgate.domain.regimes import Model, Regime
from consentgate.domain.signals import NONE
from consentgate.errors import PolicyError
from consentgate.formats.token import carry_over

_DIFF = (
    "Say which purposes and services mean something else in NEW than in OLD, and whom that asks "
    "again. Exit status 0: nothing changed in meaning; 1: something did; 2: a file is wrong."
)
_ASKING = Regime(code="ZZ", model=Model.OPT_IN)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    acts = parser.add_subparsers(metavar="ACT", required=True)
    diff = acts.add_parser("diff", help="compare OLD with NEW", description=_DIFF)
    diff.add_argument("old", help="path of the policy in force")
    diff.add_argument("new", help="path of the policy to come")
    diff.add_argument("--json", action="store_true", help="report as JSON")
    diff.set_defaults(act=_diff)
    policy_archive.arguments(
        acts.add_parser("archive", help="keep what policies mean", description=policy_archive.HELP)
    )


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    code: int = options.act(options)
    return code


def _diff(options: argparse.Namespace) -> int:
    """Compare and report."""
    try:
        old, new = load_policy(options.old), load_policy(options.new)
    except PolicyError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    changes = changes_between(old, new)
    asked = dict(asked_again(old, new))
    if options.json:
        print(json.dumps(_document(old, new, changes, asked), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(old, new, changes, asked)))
    return 1 if changes.are_material else 0


def asked_again(old: Policy, new: Policy) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Whom the new policy asks about what, under opt-in, by the decision itself.

    Yields:
        Who, in words; keys of the purposes and services they are asked about.
    """
    keys = [purpose.key for purpose in old.optional_purposes]
    yield "who granted everything", _asks(old, new, dict.fromkeys(keys, True))
    for granted in keys:
        said = {key: key == granted for key in keys}
        yield f"who granted {granted} alone", _asks(old, new, said)
    yield "who refused everything", _asks(old, new, dict.fromkeys(keys, False))


def _asks(old: Policy, new: Policy, said: dict[str, bool]) -> tuple[str, ...]:
    choice = Choice(
        made_at=EARLIEST,
        purposes=MappingProxyType(said),
        id="0" * 32 if any(said.values()) else "",
    )
    carried = carry_over(choice, meaning_of(old), meaning_of(new))
    return decide(new, _ASKING, NONE, carried, EARLIEST + 1).asks


def _document(
    old: Policy, new: Policy, changes: Changes, asked: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    return {
        "old": {"version": old.version, "hash": old.hash},
        "new": {"version": new.version, "hash": new.hash},
        "material": changes.are_material,
        "changes": [
            {
                "what": change.what,
                "key": change.key,
                "change": change.kind.value,
                "facts": {name: list(pair) for name, pair in change.facts.items()},
                "beside": list(change.wording),
            }
            for change in changes.changes
        ],
        "settings": list(changes.settings),
        "asks": {who: list(keys) for who, keys in asked.items()},
        "announced": str(old.announces.effective) if old.announces else None,
    }


def _lines(
    old: Policy, new: Policy, changes: Changes, asked: dict[str, tuple[str, ...]]
) -> Iterator[str]:
    yield f"{old.version} -> {new.version}"
    for change in changes.changes:
        yield f"  {change.what} {change.key}: {_told(change)}"
    if changes.settings:
        yield f"  settings: {', '.join(changes.settings)}"
    if not changes.changes and not changes.settings:
        yield "  nothing changed"
    yield "asked again where the place asks (opt-in):"
    for who, keys in asked.items():
        yield f"  {who}: {', '.join(keys) or 'nothing'}"
    yield "  elsewhere nobody, save about sale where that waits for a grant (CH);"
    yield "  refusals stand, and what is new runs until it is refused"
    if changes.are_material:
        yield (
            f"announced by the old policy for {old.announces.effective}"
            if old.announces
            else "not announced: put [announce] effective and summary into the old policy first"
        )


def _told(change: Change) -> str:
    if change.kind is Kind.MEANING:
        facts = "; ".join(
            f"{name} {_short(then)} -> {_short(now)}" for name, (then, now) in change.facts.items()
        )
        return f"{change.kind}: {facts}"
    beside = f" ({', '.join(change.wording)})" if change.wording else ""
    return f"{change.kind}{beside}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"
