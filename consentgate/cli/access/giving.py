"""Owns what is written down before data leaves: to whom, why, on which ground, which fields."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from consentgate.cli.access.asking import add_purpose, allowed, user
from consentgate.domain.policy.access import Recipient
from consentgate.domain.policy.policy import Policy
from consentgate.domain.rights.access import EVERYTHING, given_out, undeclared
from consentgate.errors import RightsError
from consentgate.rights.register import Register

VISITOR = Recipient(
    key="visitor",
    name="the visitor",
    kind="visitor",
    basis="GDPR 15 and 20, Cal. Civ. Code 1798.110",
    fields=(EVERYTHING,),
)
OPERATOR = "operator"
"""The site's own people: the data stays with whoever answers for it."""


def add_recipient(parser: argparse.ArgumentParser) -> None:
    """Declare ``--to`` and ``--why`` of an export that is not one visitor's."""
    parser.add_argument(
        "--recipient",
        default=OPERATOR,
        metavar="KEY",
        help="a [recipient.KEY] of the policy who gets it; operator: it stays in the house",
    )
    parser.add_argument("--why", default="", help="why it is given out; needed with --recipient")
    add_purpose(parser, "operation")


def note_export(options: argparse.Namespace, policy: Policy, act: str, part: str) -> None:
    """Write down that everybody's data is exported; refuse what is not declared.

    Args:
        options: with ``recipient``, ``why`` and ``purpose``.
        policy: that declares roles and recipients.
        act: such as ``log.export``.
        part: which part of visitors' data it is.

    Raises:
        RightsError: it may not leave, or it cannot be written down.
    """
    access = allowed(policy, act, options.purpose)
    if undeclared([part], access.fields):
        raise RightsError(f"{act}: refused: {access.why} may not see {part}")
    register, now = Register.of(policy), int(time.time())
    if options.recipient == OPERATOR:
        if register is not None and (policy.rights.directory or policy.roles):
            register.note("exported", by=user(), now=now, what=act, purpose=options.purpose)
        return
    if register is None:
        raise RightsError(
            "[rights] directory: name a folder; nothing is given out without being written down"
        )
    disclose(register, policy, options.recipient, [part], who=["*"], why=options.why)


def recipient_of(policy: Policy, key: str, fields: Sequence[str]) -> Recipient:
    """Whoever is to be given these fields.

    Raises:
        RightsError: the policy declares no such recipient, or not these fields.
    """
    if key == VISITOR.key:
        return VISITOR
    try:
        found, wrong = given_out(policy, key, fields)
    except KeyError:
        declared = ", ".join(one.key for one in policy.recipients) or "none"
        raise RightsError(
            f'"{key}": the policy declares no [recipient.{key}]; declared: {declared}'
        ) from None
    if wrong:
        raise RightsError(f"{wrong}; declared: {', '.join(found.fields)}")
    return found


def disclose(
    register: Register,
    policy: Policy,
    key: str,
    fields: Sequence[str],
    *,
    who: Sequence[str],
    why: str,
    request: str = "",
) -> Recipient:
    """Write down that data leaves; a refusal is written down too.

    Raises:
        RightsError: it may not leave, or it cannot be written down.
    """
    now = int(time.time())
    try:
        found = recipient_of(policy, key, fields)
        if not why and found is not VISITOR:
            raise RightsError("--why: expected the reason that is written down")
    except RightsError as error:
        register.note("refused", by=user(), now=now, who=list(who), to=key, why=str(error))
        raise
    register.note(
        "disclosed",
        by=user(),
        now=now,
        who=list(who),
        to=found.key,
        name=found.name,
        basis=found.basis,
        fields=list(fields),
        why=why,
        request=request,
    )
    return found
