"""Owns how a verb of rights finds the register, the data and whoever calls it."""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from consentgate.asgi.recording.recognition import Recognition
from consentgate.asgi.rights.collecting import Sources
from consentgate.cli.access.asking import add_purpose, allowed, user
from consentgate.cli.opening import add_policy, policy_of
from consentgate.domain.policy.policy import Policy
from consentgate.domain.rights.access import Access
from consentgate.errors import SettingError
from consentgate.ledger.opening import open_ledger
from consentgate.log.naming.subject_keys import is_reference
from consentgate.rights.register import Register


class Desk(NamedTuple):
    """What somebody who answers requests works with."""

    policy: Policy
    register: Register
    user: str
    access: Access
    now: int

    def sources(self) -> Sources:
        """Where data of visitors lies."""
        known = self.known()
        ledger = open_ledger(self.policy.ledger.url)
        return Sources(self.policy, ledger, known.rows_under, self.register)

    def known(self) -> Recognition:
        """What finds rows of the site log."""
        return Recognition(self.policy, lambda visit: None, lambda choice_id: "")


def add_desk(parser: argparse.ArgumentParser, *, purpose: str = "request") -> None:
    """Declare ``--policy`` and ``--purpose``."""
    add_policy(parser)
    add_purpose(parser, purpose)


def add_whom(parser: argparse.ArgumentParser) -> None:
    """Declare whom it is about."""
    parser.add_argument(
        "whom",
        metavar="WHOM",
        help="a subject, as the ledger and the receipt name it, or an open request (R-…)",
    )


def desk_of(options: argparse.Namespace, act: str) -> Desk:
    """Open the register for whoever may do that.

    Raises:
        PolicyError: the policy is wrong.
        RightsError: whoever calls may not do that.
        SettingError: the policy keeps no register.
    """
    policy = policy_of(options)
    register = Register.of(policy)
    if register is None:
        raise SettingError(
            f'{options.policy}: [rights] directory: name a folder such as "var/rights"'
        )
    access = allowed(policy, act, options.purpose)
    return Desk(policy, register, user(), access, int(time.time()))


def subjects_of(desk: Desk, whom: str) -> tuple[list[str], str]:
    """The subjects of whom, and the request that names them; empty: none was given.

    Raises:
        RightsError: there is no such request.
        SettingError: it is neither, or a request that was closed.
    """
    if is_reference(whom):
        return [whom], ""
    if not whom.startswith("R-"):
        raise SettingError(f'"{whom[:40]}": expected a subject (32 hexadecimal digits) or R-…')
    desk.register.request(whom)
    subjects = desk.register.said(whom).get("subjects", [])
    if not subjects:
        raise SettingError(f"{whom}: it is closed; whom it was about is not kept any more")
    return list(subjects), whom
