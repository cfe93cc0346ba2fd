"""Owns the words of the W3C Tracking Preference Expression Note: ``Tk`` values and status objects.

Never decides whether anything tracks; it says so in the Note's terms.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping, Sequence

MEDIA_TYPE = "application/tracking-status+json"
EFF_POLICY_SHA1 = "a18e8dba6848d3fc241b03b88291cb75a3cfec3b"
"""Of the EFF's DNT policy, version 1.0: the only text that attests it (SIG-31)."""
_STATUS_ID = re.compile(r"[A-Za-z0-9_\-+=/]+")


class Tracking(enum.StrEnum):
    """What is done with a visitor's activity: tracking status values of the Note, section 6.2."""

    DYNAMIC = "?"
    """It depends on the request: only for the site as a whole, or with a status-id."""
    NONE = "N"
    """Nothing here follows this visitor."""
    GENERAL = "T"
    """It may: the visitor has not objected."""
    CONSENT = "C"
    """It may: the visitor granted it."""
    DISREGARDED = "D"
    """It may, although the browser objects; the disclosure says when."""
    UPDATED = "U"
    """This very request changed it."""


IDS: Mapping[Tracking, str] = {
    Tracking.DYNAMIC: "v",
    Tracking.NONE: "n",
    Tracking.GENERAL: "t",
    Tracking.CONSENT: "c",
}
"""Status-ids that we give out: ``v`` answers for the visitor who asks, the others for a value."""


def tk_value(tracking: Tracking) -> bytes:
    """The value of a ``Tk`` field; a dynamic one always names its status-id (SIG-22, SIG-25)."""
    status_id = IDS.get(tracking, "")
    return f"{tracking.value};{status_id}".encode() if status_id else tracking.value.encode()


def tracking_of_id(status_id: str) -> Tracking | None:
    """The value that a status-id stands for; None: it is none of ours."""
    if not _STATUS_ID.fullmatch(status_id):
        return None
    return next((value for value, known in IDS.items() if known == status_id), None)


def status_object(
    tracking: Tracking,
    *,
    config: str,
    policy: str,
    same_party: Sequence[str] = (),
    controller: str = "",
) -> dict[str, object]:
    """A tracking status object (TPE Note, section 6.5.2; SIG-28).

    Args:
        tracking: the value; ``U`` has no place here.
        config: address where the visitor changes it; always told, as ``C`` demands.
        policy: address of the disclosure.
        same_party: hosts that belong to the controller (TPD-05).
        controller: address of the one who answers, where that is not this origin.
    """
    status: dict[str, object] = {"tracking": tracking.value, "config": config, "policy": policy}
    if controller:
        status["controller"] = [controller]
    if same_party:
        status["same-party"] = list(same_party)
    return status


def is_eff_policy(body: bytes) -> bool:
    """Whether these are exactly the bytes of the EFF's DNT policy 1.0."""
    return hashlib.sha1(body, usedforsecurity=False).hexdigest() == EFF_POLICY_SHA1
