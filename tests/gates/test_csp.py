"""The additional Content-Security-Policy: what it lists, what it leaves alone, how long it gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import HostPattern, Policy, Service
from consentgate.domain.regimes import UNKNOWN, Model, Regime
from consentgate.domain.signals import NONE
from consentgate.gates.outcomes import Outcome, Outcomes
from consentgate.gates.pages.csp import MAX_BYTES, blocking_csp, declared_csp, with_reports
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.visitor import Visitor
from tests.policies import SHOP, with_site

NOW = 1_790_000_000
START = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


def outcome(*granted: str, policy: Policy = SHOP) -> Outcome:
    said = {key: key in granted for key in ("functional", "statistics", "marketing")}
    return Outcomes(Plan(policy)).of(
        Visitor(UNKNOWN, NONE, Choice(made_at=NOW, purposes=said)), NOW
    )


def with_hosts(*hosts: HostPattern, purpose: str = "necessary") -> Policy:
    return replace(SHOP, services=(Service(key="x", purposes=(purpose,), hosts=hosts),))


@pytest.mark.requirement("STO-05")
@pytest.mark.parametrize(
    ("granted", "hosts"),
    [
        ((), b""),
        (("functional",), b""),
        (("marketing",), b" ads.example:* *.ads.example:*"),
        (("functional", "marketing"), b" ads.example:* *.ads.example:* maps.example:*"),
    ],
)
def test_only_hosts_of_permitted_services_are_listed(
    granted: tuple[str, ...], hosts: bytes
) -> None:
    """A service that serves two purposes needs both; everything without a host stays allowed."""
    assert blocking_csp(outcome(*granted)) == START + hosts


def test_nothing_denied_means_no_policy() -> None:
    """Where strangers pass, who granted everything, or need not be asked, gets no second policy."""
    policy = with_site(unknown_hosts="report")
    everything = outcome("functional", "statistics", "marketing", policy=policy)
    assert blocking_csp(everything) == b""
    notice = Visitor(Regime(code="XX", model=Model.NOTICE), NONE, None)
    assert blocking_csp(Outcomes(Plan(policy)).of(notice, NOW)) == b""


def test_strangers_are_held_from_everyone() -> None:
    """Who granted everything, and who need not be asked, reaches what is declared, and no more."""
    everything = outcome("functional", "statistics", "marketing")
    notice = Visitor(Regime(code="XX", model=Model.NOTICE), NONE, None)
    for free in (everything, Outcomes(Plan(SHOP)).of(notice, NOW)):
        assert blocking_csp(free) == declared_csp(free)


@pytest.mark.parametrize(
    ("pattern", "sources"),
    [
        (HostPattern(host="a.example"), b"a.example:*"),
        (HostPattern(host="a.example", path_prefix="/gtag/"), b"a.example:*/gtag/"),
        (HostPattern(host="a.example", path_prefix="/js"), b"a.example:*/js a.example:*/js/"),
        (HostPattern(host="a.example", path_prefix="/a;b,c d/"), b"a.example:*/a%3Bb%2Cc%20d/"),
        (
            HostPattern(host="a.example", includes_subdomains=True, path_prefix="/p/"),
            b"a.example:*/p/ *.a.example:*/p/",
        ),
        (HostPattern(host="127.0.0.2"), b"127.0.0.2:*"),
    ],
)
def test_a_host_pattern_becomes_host_sources(pattern: HostPattern, sources: bytes) -> None:
    """Any port, the bare domain beside its subdomains, nothing that could end a directive."""
    assert blocking_csp(outcome(policy=with_hosts(pattern))) == START + b" " + sources


@pytest.mark.requirement("TPD-05")
def test_hosts_of_the_same_party_are_never_blocked() -> None:
    """What belongs to the controller is listed; what is not a host is left out."""
    policy = with_site(same_party=("CDN.shop.example.", "*.img.example", "x; script-src *", ""))
    assert blocking_csp(outcome(policy=policy)) == START + b" cdn.shop.example:* *.img.example:*"


def test_a_shared_page_may_reach_every_declared_service() -> None:
    """Its header is everyone's: what single visitors denied is inert in the markup."""
    assert declared_csp(outcome()) == START + b" ads.example:* *.ads.example:* maps.example:*"


def test_reports_come_to_our_own_address() -> None:
    """A mount path cannot end the directive."""
    assert with_reports(b"default-src 'self'", "/a;b/privacy-choices").endswith(
        b"; report-uri /a%3Bb/privacy-choices/reports"
    )


@pytest.mark.parametrize("count", [10, 400, 20_000])
def test_the_policy_stays_within_what_proxies_take(count: int) -> None:
    """Paths go first, then hosts become domains, then any HTTPS host may be reached."""
    one_domain = [
        HostPattern(host=f"h{number}.cdn.example", path_prefix="/a/") for number in range(count)
    ]
    assert len(blocking_csp(outcome(policy=with_hosts(*one_domain)))) <= MAX_BYTES
    many_domains = [HostPattern(host=f"h{number}.example") for number in range(count)]
    assert len(blocking_csp(outcome(policy=with_hosts(*many_domains)))) <= MAX_BYTES


@pytest.mark.requirement("STO-05")
@pytest.mark.parametrize(
    ("prefix", "sources"),
    [
        ("/", b" cdn.example:*"),
        ("/npm/", b" cdn.example:*/npm/"),
        ("/tr", b" cdn.example:*/tr cdn.example:*/tr/"),
        ("/npm/vue@", b" cdn.example:*/npm/"),  # goes on with a version
        ("/vue-", b" cdn.example:*/"),
    ],
)
def test_a_path_prefix_is_covered_by_what_a_policy_can_say(prefix: str, sources: bytes) -> None:
    """A policy has whole paths and folders only: one that ends within a name takes its folder."""
    policy = with_hosts(HostPattern(host="cdn.example", path_prefix=prefix))
    assert blocking_csp(outcome(policy=policy)) == START + sources
