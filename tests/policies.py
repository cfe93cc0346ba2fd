"""Policies that tests share: small, whole and made in code."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from consentgate.domain.policy.policy import (
    Controller,
    CookiePattern,
    HostPattern,
    Match,
    Policy,
    Role,
    Service,
    SiteSettings,
)

SHOP = Policy(
    controller=Controller(name="Example Shop", contact="privacy@shop.example"),
    version="2026-11-01",
    effective=dt.date(2026, 11, 1),
    services=(
        Service(
            key="shop",
            purposes=("necessary",),
            role=Role.FIRST_PARTY,
            cookies=(CookiePattern(name="session"), CookiePattern(name="cart")),
        ),
        Service(
            key="preferences",
            purposes=("functional",),
            role=Role.FIRST_PARTY,
            cookies=(CookiePattern(name="theme"),),
        ),
        Service(
            key="analytics",
            purposes=("statistics",),
            role=Role.FIRST_PARTY,
            cookies=(
                CookiePattern(name="_an_", match=Match.PREFIX),
                CookiePattern(name="visitor?id*", match=Match.GLOB),
            ),
            collectors=("/collect",),
        ),
        Service(
            key="ads",
            purposes=("marketing",),
            owner="Ads Inc.",
            country="US",
            is_cross_site=True,
            cookies=(
                CookiePattern(name="_fbp", domain=".shop.example"),
                CookiePattern(name="__Secure-ad", is_partitioned=True),
            ),
            hosts=(HostPattern(host="ads.example", includes_subdomains=True),),
        ),
        Service(
            key="maps",
            purposes=("functional", "marketing"),
            owner="Maps Ltd",
            country="IE",
            hosts=(HostPattern(host="maps.example"),),
        ),
    ),
)
"""A shop with one service for each purpose, and one that serves two."""


def with_site(**changes: object) -> Policy:
    """The shop with other site settings."""
    return replace(SHOP, site=replace(SiteSettings(), **changes))  # type: ignore[arg-type]
