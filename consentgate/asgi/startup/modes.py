"""Owns what is said at start of a mode that holds less than the default; never changes it."""

from __future__ import annotations

import logging

from consentgate.domain.policy.policy import SiteSettings

logger = logging.getLogger("consentgate")

OFF = (
    'consentgate: [site] csp = "off": what scripts of the site put into a page, WebSockets and '
    "redirects are held by nothing, only the page's own markup is; "
    'csp = "enforce" holds them (docs/beacons.md, "What each mode holds")'
)


def warn_of_modes(site: SiteSettings) -> None:
    """Say what a site gives up that sends no second Content-Security-Policy."""
    if site.csp == "off":
        logger.warning(OFF)
