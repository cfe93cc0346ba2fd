"""Owns links to a visitor's data that the app makes: signed, short-lived, for one site."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence

MAX_LINK_CHARS = 120
_LINK = re.compile(r"([0-9a-f]{32})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")


class Links:
    """Makes and reads the signed part of such links."""

    def __init__(self, keys: Sequence[bytes], *, audience: str, lasts_seconds: int) -> None:
        """Take in the keys that sign tokens, oldest first.

        Args:
            keys: secrets of the site.
            audience: the site; a link of another one with the same keys is not taken.
            lasts_seconds: how long a link can be used.
        """
        label = b"consentgate.data-link.v1|" + audience.encode()
        self._keys = [hmac.digest(key, label, "sha256") for key in keys]
        self._lasts_seconds = lasts_seconds

    def make(self, subject: str, now: int) -> str:
        """The signed part of a link to the data of one subject."""
        text = f"{subject}.{now + self._lasts_seconds}"
        return f"{text}.{_signature(self._keys[-1], text)}"

    def read(self, link: str, now: int) -> str:
        """The subject of a link; empty where it is forged, of another site, or over."""
        found = _LINK.fullmatch(link[: MAX_LINK_CHARS + 1])
        if found is None:
            return ""
        subject, ends, signature = found.groups()
        text = f"{subject}.{ends}"
        is_ours = [hmac.compare_digest(_signature(key, text), signature) for key in self._keys]
        return subject if any(is_ours) and now <= int(ends) else ""


def _signature(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
