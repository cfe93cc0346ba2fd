"""Owns helpers for the tests of sites: visitors who have chosen, and what a site would leak.

Set ``CONSENTGATE_ENV=test``: choices are then kept in memory, and no file is written.
"""

from __future__ import annotations

from consentgate.testing.gates import gate_of
from consentgate.testing.leaks import Leak, assert_no_leaks, leaks
from consentgate.testing.visitors import browser_cookies, client, cookies

__all__ = [
    "Leak",
    "assert_no_leaks",
    "browser_cookies",
    "client",
    "cookies",
    "gate_of",
    "leaks",
]
