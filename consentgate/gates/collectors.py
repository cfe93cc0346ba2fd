"""Owns the paths of the site itself that collect for a service (STO-06; EDPB 2/2023, 61-63).

A denied one never reaches the app: neither a tag that was proxied to look first-party nor
server-side tagging gets past a refusal.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from consentgate.gates.outcomes import Outcome, once_per_outcome
from consentgate.memo import remember, up_to

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""A transparent image of one pixel."""

_MOST_ROUNDS = 4
_IMAGE = re.compile(r"\.(?:gif|png|jpe?g|webp|avif|svg|ico|bmp)$")


@remember(4_096, is_small=up_to(512))
def canonical(path: str) -> str:
    """The one way to write a path, whichever of its spellings a server or app takes for it.

    Percent-encoding (also doubled), backslashes, repeated and closing slashes, dot segments,
    path parameters (``;x=1``) and case do not count: ``//%63ollect/`` is ``/collect``. Apps
    tell some of these apart, but what only looks like a collector is no page anybody misses.
    """
    for _ in range(_MOST_ROUNDS):
        plain = unquote(path, errors="replace")
        if plain == path:
            break
        path = plain
    kept: list[str] = []
    for part in path.replace("\\", "/").casefold().split("/"):
        name = part.partition(";")[0].partition("?")[0].strip("\0 \t\r\n")
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    return "/" + "/".join(kept)


class Collectors:
    """The collecting paths that one outcome denies."""

    def __init__(self, outcome: Outcome) -> None:
        """Prepare, once for each outcome."""
        denied = outcome.denied_services
        patterns = [
            pattern
            for service in outcome.plan.policy.services
            if service.key in denied
            for pattern in service.collectors
        ]
        self._exact = frozenset(canonical(text) for text in patterns if not text.endswith("*"))
        self._below = tuple(_prefix(text[:-1]) for text in patterns if text.endswith("*"))
        self.is_idle = not patterns

    def collects(self, path: str) -> bool:
        """Whether a denied service collects at the path."""
        plain = canonical(path)
        if plain in self._exact:
            return True
        return bool(self._below) and (plain + "/").startswith(self._below)


def _prefix(text: str) -> str:
    """``/gtm/*`` is everything below, and ``/gtm`` itself; ``/px*`` all that begins so."""
    plain = canonical(text)
    return plain.rstrip("/") + "/" if text.endswith("/") else plain


@once_per_outcome
def collectors_of(outcome: Outcome) -> Collectors:
    """The outcome's collectors, made once."""
    return Collectors(outcome)


def wants_image(path: str, destination: str, accept: str) -> bool:
    """Whether an image is asked for, so that nothing shows as broken.

    Args:
        path: the request's.
        destination: ``Sec-Fetch-Dest``; empty where the browser sends none.
        accept: ``Accept``.
    """
    if destination:
        return destination == "image"
    return accept.lstrip().startswith("image/") or bool(_IMAGE.search(canonical(path[:512])))
