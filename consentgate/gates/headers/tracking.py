"""Owns what an answer says about tracking: the ``Tk`` field, from the decision alone."""

from __future__ import annotations

from consentgate.domain.decision import Reason
from consentgate.formats.headers import Headers
from consentgate.formats.headers.tracking_status import Tracking, tk_value
from consentgate.gates.outcomes import Outcome, once_per_outcome

_DYNAMIC = tk_value(Tracking.DYNAMIC)


def tracking_of(outcome: Outcome) -> Tracking:
    """Whether anything may follow this visitor, and by whose leave (SIG-22, SIG-23).

    A granted purpose that tracks, sells or shares counts, and a service that is recognised on
    other sites; ``C`` only if the visitor granted all of it.
    """
    policy, decision = outcome.plan.policy, outcome.decision
    verdicts = [
        decision.purposes[purpose.key]
        for purpose in policy.optional_purposes
        if purpose.is_tracking or purpose.is_sale_or_share
    ]
    verdicts += [
        decision.services[service.key] for service in policy.services if service.is_cross_site
    ]
    granted = [verdict for verdict in verdicts if verdict.is_granted]
    if not granted:
        return Tracking.NONE
    is_chosen = all(verdict.reason is Reason.CHOSEN for verdict in granted)
    return Tracking.CONSENT if is_chosen else Tracking.GENERAL


@once_per_outcome
def _value_of(outcome: Outcome) -> bytes:
    return tk_value(tracking_of(outcome))


def with_tk(headers: Headers, outcome: Outcome, *, is_for_one: bool) -> Headers:
    """Say it once; an answer that caches may share says only where it is said (SIG-22).

    Args:
        headers: the response's pairs; a ``Tk`` of the app is replaced.
        outcome: what was decided for this visitor.
        is_for_one: whether the answer is marked as made for this visitor.
    """
    chosen = _value_of(outcome) if is_for_one else _DYNAMIC
    kept = [pair for pair in headers if pair[0].lower() != b"tk"]
    return [*kept, (b"tk", chosen)]
