"""Owns the shapes by which vendors' tags are known at a path of the site itself.

A tag that is proxied to look first-party, or served by server-side tagging, keeps the end of its
path and its ids: the vendor's own loader asks for them so. Never knows who may run.
"""

from __future__ import annotations

import re
from typing import Final

from consentgate.memo import remember, up_to

_SHAPES: Final = tuple(
    (re.compile(path), re.compile(query), address)
    for path, query, address in (
        # path, query, and the vendor's own address of the same thing
        (r"/gtag/js", r"id=(?:G|GT|UA)-", "https://www.googletagmanager.com/gtag/js"),
        (r"/gtag/js", r"id=(?:AW|DC)-", "https://www.googleadservices.com/pagead/"),
        (r"/(?:gtm\.js|ns\.html)", r"id=GTM-", "https://www.googletagmanager.com/gtm.js"),
        (r"/g/collect", r"tid=G-", "https://www.google-analytics.com/g/collect"),
        (r"/(?:[jr]/)?collect", r"tid=UA-", "https://www.google-analytics.com/collect"),
        (r"/adsbygoogle\.js", r"", "https://pagead2.googlesyndication.com/pagead/js/"),
        (r"/tag/js/gpt\.js", r"", "https://securepubads.g.doubleclick.net/tag/js/gpt.js"),
        (r"/fbevents\.js", r"", "https://connect.facebook.net/en_US/fbevents.js"),
        (r"/tr/?", r"(?=.*\bid=\d)(?=.*\bev=)", "https://www.facebook.com/tr"),
        (r"/li\.lms-analytics/insight\.min\.js", r"", "https://snap.licdn.com/"),
        (r"/i18n/pixel/events\.js", r"", "https://analytics.tiktok.com/i18n/pixel/events.js"),
        (r"/hotjar-\d+\.js", r"", "https://static.hotjar.com/c/"),
        (r"/clarity\.js", r"", "https://www.clarity.ms/tag/"),
        (r"/ct/core\.js", r"", "https://s.pinimg.com/ct/core.js"),
        (r"/uwt\.js", r"", "https://static.ads-twitter.com/uwt.js"),
        (r"/array/phc_\w+/(?:array|config)\.js", r"", "https://us-assets.i.posthog.com/"),
        (r"/mixpanel-[\w.-]+\.js", r"", "https://cdn.mxpnl.com/libs/"),
        (r"/analytics\.js/v1/\w+/analytics(?:\.min)?\.js", r"", "https://cdn.segment.com/"),
    )
)
ENDS: Final = frozenset(("js", "ml", "ct", "tr", "r/"))
"""The last two letters of every path that has such a shape: most paths have none of them."""


@remember(4_096, is_small=up_to(512))
def tag_at(address: str) -> str:
    """The vendor's own address of a tag that stands at an address of the site; empty: none does.

    Args:
        address: path and query, the path decoded.
    """
    path, _, query = address.partition("?")
    for shape, asked, vendor in _SHAPES:
        at = next((found for found in shape.finditer(path) if found.end() == len(path)), None)
        if at is not None and asked.search(query):
            return vendor
    return ""
