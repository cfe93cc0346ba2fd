"""Owns the reference by which the ledger calls a visitor: keyed, so that it leads to no cookie."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


class References:
    """Makes the references of one site's keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take in the keys that sign tokens, oldest first."""
        self._keys = [hmac.digest(key, b"consentgate.subject.v1", "sha256") for key in keys]

    def now(self, choice_id: str) -> str:
        """The reference under which a grant is kept now; empty for a refusal."""
        return _reference(self._keys[-1], choice_id)

    def all(self, choice_id: str) -> list[str]:
        """Every reference under which a grant may be kept, since keys change; newest first."""
        return [_reference(key, choice_id) for key in reversed(self._keys)] if choice_id else []


def _reference(key: bytes, choice_id: str) -> str:
    if not choice_id:
        return ""
    return hmac.new(key, choice_id.encode(), hashlib.sha256).hexdigest()[:32]
