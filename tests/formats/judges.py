"""A judge for rewriter tests: a few hosts, a few signatures, nothing about visitors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from consentgate.domain.policy.policy import HostPattern, Policy, Service
from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.pages.beacons import Verdicts, verdicts_of
from consentgate.gates.pages.site_verdicts import SiteVerdicts, site_verdicts
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.visitor import Visitor
from tests.policies import SHOP


def policy_of(hosts: Mapping[str, tuple[str, ...]] | None = None) -> Policy:
    """A shop whose denied services have these hosts, by key; ``ok`` is always granted."""
    table = hosts or {
        "ads": ("ads.example", "*.ads.example"),
        "films": ("films.example",),
        "tag": ("www.shared.example/tag/",),
    }
    services = tuple(
        Service(
            key=key,
            purposes=("marketing",),
            hosts=tuple(map(_pattern, names)),
            snippets=("adq(", "gtm.start") if key == "ads" else (),
        )
        for key, names in table.items()
    )
    granted = Service(
        key="ok",
        purposes=("necessary",),
        hosts=(HostPattern(host="ok.example"), HostPattern(host="www.shared.example")),
        snippets=("okq(",),
    )
    return replace(SHOP, services=(*services, granted))


def _pattern(name: str) -> HostPattern:
    host, slash, rest = name.removeprefix("*.").partition("/")
    return HostPattern(
        host=host,
        includes_subdomains=name.startswith("*."),
        path_prefix="/" + rest if slash else "/",
    )


def silent() -> Verdicts:
    """The verdicts on a visitor who has not chosen, under opt-in."""
    return verdicts_of(Outcomes(Plan(policy_of())).of(Visitor(UNKNOWN, NONE, None), 0))


def lonely() -> SiteVerdicts:
    """What the same visitor gets where the policy names ``ok`` alone: the others are strangers."""
    policy = policy_of()
    alone = replace(policy, services=policy.services[-1:])
    outcome = Outcomes(Plan(alone)).of(Visitor(UNKNOWN, NONE, None), 0)
    return site_verdicts(outcome, "shop.example")
