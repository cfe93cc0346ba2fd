"""Owns the low-entropy client hints: what a browser says of itself without being asked.

``Sec-CH-UA``, ``Sec-CH-UA-Mobile`` and ``Sec-CH-UA-Platform`` (UA Client Hints, section 3); hints
that must be asked for are never read.
"""

from __future__ import annotations

import re

from consentgate.domain.agents import Browser

_BRAND = re.compile(r'"([^"]{1,40})" ?; ?v="(\d{1,4})')
_FAMILIES = {
    "Google Chrome": "Chrome",
    "Microsoft Edge": "Edge",
    "Opera": "Opera",
    "Brave": "Brave",
    "Samsung Internet": "Samsung Internet",
    "YaBrowser": "Yandex Browser",
    "Yandex": "Yandex Browser",
    "Vivaldi": "Vivaldi",
    "Android WebView": "Chrome Mobile WebView",
    "HeadlessChrome": "HeadlessChrome",
    "Chromium": "Chromium",
}
"""Brand to the family's usual name; the order says which of several wins."""
_SYSTEMS = {
    "Windows": "Windows",
    "macOS": "Mac OS X",
    "Linux": "Linux",
    "Android": "Android",
    "Chrome OS": "Chrome OS",
    "Chromium OS": "Chrome OS",
    "iOS": "iOS",
}


def hinted_browser(brands: str, platform: str) -> Browser | None:
    """The browser as the hints say; None where they name none that is known.

    Args:
        brands: ``Sec-CH-UA``, such as ``"Chromium";v="126", "Google Chrome";v="126"``.
        platform: ``Sec-CH-UA-Platform``, such as ``"macOS"``.
    """
    versions = dict(_BRAND.findall(brands[:512]))
    for brand, family in _FAMILIES.items():
        if brand in versions:
            return Browser(family, versions[brand], _SYSTEMS.get(platform.strip(' "'), ""))
    return None
