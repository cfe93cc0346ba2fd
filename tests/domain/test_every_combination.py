"""Every regime with every signal, choice, age and clock, against the rules told as sets.

The rules are written down a second time here, from what they promise and not from the code that
walks them: what silence permits, plus what was granted, less what was refused, objected to or barred.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations, product
from types import MappingProxyType

import pytest

from consentgate.domain.choices import Choice
from consentgate.domain.decision import EARLIEST, decide
from consentgate.domain.policy.policy import Service
from consentgate.domain.regimes import Model, Regime
from consentgate.domain.signals import Signals
from tests.policies import SHOP

DAY = 86_400
NOW = EARLIEST + 1_000 * DAY
OPTIONAL = frozenset(("functional", "statistics", "marketing"))
SOLD, TRACKED, BARRED = {"marketing"}, {"statistics", "marketing"}, {"marketing"}
COUNTER = Service(key="counter", purposes=("statistics",), owner="C", is_cross_site=True)
POLICY = replace(SHOP, services=(*SHOP.services, COUNTER))
"""Sells with marketing, tracks with statistics and marketing; one counter follows across sites."""

REGIMES = {
    "opt-in": Regime(code="DE", model=Model.OPT_IN),
    "opt-in, long interval": Regime(code="XA", model=Model.OPT_IN, reask_days=365),
    "opt-in, short grants": Regime(code="XB", model=Model.OPT_IN, lifetime_days=30),
    "mixed": Regime(code="CH", model=Model.OPT_OUT, asks_before_sale=True),
    "opt-out": Regime(code="US-CA", model=Model.OPT_OUT, reask_days=365),
    "notice": Regime(code="US", model=Model.NOTICE),
}
CLOCKS = {
    "now": 0,
    "a second short of 30 days": 30 * DAY - 1,
    "30 days": 30 * DAY,
    "a second short of 180 days": 180 * DAY - 1,
    "180 days": 180 * DAY,
    "365 days": 365 * DAY,
    "five minutes ahead": -300,
    "more than that ahead": -301,
    "older than any notice": NOW - EARLIEST + 1,
}
"""How long ago the choice says it was made."""


@dataclass(frozen=True)
class Story:
    """What a visitor did, and what their browser states."""

    granted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    """Signals whose conflict was shown when granting."""
    remembered: frozenset[str] = frozenset()
    stated: frozenset[str] = frozenset()
    is_prefetch: bool = False
    is_minor: bool = False
    ago: int = 0


def subsets(of: frozenset[str]) -> Iterator[frozenset[str]]:
    return (
        frozenset(found)
        for found in chain.from_iterable(combinations(sorted(of), n) for n in range(len(of) + 1))
    )


def stories(ago: int) -> Iterator[Story]:
    """Nothing said; everything answered in every way; some answered and some left open."""
    names = frozenset(("gpc", "dnt"))
    said = [(granted, OPTIONAL - granted) for granted in subsets(OPTIONAL)]
    said += [(frozenset(), frozenset()), (frozenset(("functional",)), frozenset(("statistics",)))]
    said += [(frozenset(), frozenset(("statistics",)))]
    for (granted, refused), remembered, stated in product(said, subsets(names), subsets(names)):
        for told in subsets(names) if granted else [frozenset[str]()]:
            for is_prefetch, is_minor in product((False, True), repeat=2):
                yield Story(granted, refused, told, remembered, stated, is_prefetch, is_minor, ago)


# The rules, as sets --------------------------------------------------------------------------


def waiting(regime: Regime) -> frozenset[str]:
    """What waits for a grant in this place."""
    if regime.model is Model.OPT_IN:
        return OPTIONAL
    return frozenset(SOLD) if regime.asks_before_sale else frozenset()


def believed(regime: Regime, story: Story) -> frozenset[str]:
    """Grants that count: from neither the future nor before all notices, and not too old."""
    days = min(180, regime.lifetime_days or 180)
    is_dated = -300 <= story.ago <= NOW - EARLIEST
    return story.granted if is_dated and story.ago < days * DAY else frozenset()


def objected(regime: Regime, story: Story, to_gpc: set[str]) -> set[str]:
    """What signals stated or remembered object to, save what was granted knowing of that signal."""
    covers = {"gpc": to_gpc, "dnt": TRACKED}
    found: set[str] = set()
    for signal in story.stated | story.remembered:
        knowing = believed(regime, story) if signal in story.told else frozenset()
        found |= covers[signal] - knowing
    return found


def permitted(regime: Regime, story: Story, to_gpc: set[str] = SOLD) -> set[str]:
    """What silence permits, plus grants, less refusals, objections and what minors are kept from."""
    silence = OPTIONAL - waiting(regime)
    wanted = (silence | believed(regime, story)) - story.refused
    return set(wanted - objected(regime, story, to_gpc) - (BARRED if story.is_minor else set()))


def asked(regime: Regime, story: Story) -> set[str]:
    """What waits, is not permitted, and nobody has answered: never against a signal or a refusal."""
    if "dnt" in story.stated | story.remembered or story.is_prefetch:
        return set()
    interval = max(180, regime.reask_days) * DAY
    stands = story.refused if story.ago < interval else frozenset()
    is_dated = -300 <= story.ago <= NOW - EARLIEST
    only_refused = bool(story.refused) and not (story.granted and is_dated)
    if only_refused and stands:
        return set()
    silenced = objected(regime, story, SOLD) | (BARRED if story.is_minor else set())
    return set(waiting(regime) - permitted(regime, story) - silenced - stands)


# Against the decision ------------------------------------------------------------------------


def choice_of(story: Story) -> Choice | None:
    if not story.granted and not story.refused and not story.remembered:
        return None
    said = {key: True for key in story.granted} | {key: False for key in story.refused}
    return Choice(
        made_at=NOW - story.ago,
        is_explicit=bool(said),
        purposes=MappingProxyType(said),
        told=signals(story.told),
        signalled=signals(story.remembered),
        id="ab" * 16 if story.granted else "",
    )


def signals(names: frozenset[str], *, is_prefetch: bool = False) -> Signals:
    return Signals("gpc" in names, "dnt" in names, is_prefetch)


@pytest.mark.requirement(
    "SIG-05", "SIG-06", "SIG-07", "SIG-10", "SIG-19", "SIG-21", "COL-23",
    "VER-04", "VER-05", "VER-06", "VER-07", "TPD-06",
)  # fmt: skip
@pytest.mark.parametrize("ago", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("regime", REGIMES.values(), ids=REGIMES)
def test_every_combination(regime: Regime, ago: int) -> None:
    """Purposes, services and questions are those of the rules, for every story there is."""
    count = 0
    for story in stories(ago):
        count += 1
        decision = decide(
            POLICY,
            regime,
            signals(story.stated, is_prefetch=story.is_prefetch),
            choice_of(story),
            NOW,
            is_minor=story.is_minor,
        )
        may = permitted(regime, story)
        assert {key for key in OPTIONAL if decision.allows(key)} == may, story
        assert decision.allows("maps") is ({"functional", "marketing"} <= may), story
        shared = permitted(regime, story, OPTIONAL | SOLD)
        assert decision.allows("counter") is ("statistics" in shared), story
        assert decision.allows("ads") is ("marketing" in may), story
        assert decision.allows("necessary"), story
        assert set(decision.asks) == asked(regime, story), story
    assert count == 2_240
