"""Owns the table of declared cookie names; never knows who may set them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass

from consentgate.domain.policy.policy import CookiePattern, Match, Service


@dataclass(frozen=True, slots=True)
class Declared:
    """Who keeps a cookie, and how it was declared."""

    service: str
    pattern: CookiePattern


class NameTable:
    """Finds the service that a cookie name belongs to; case-sensitive (CKE-07).

    An exact name wins over a prefix, the longest prefix over a shorter one, a prefix over a glob.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._exact: dict[bytes, Declared] = {}
        prefixes: list[tuple[bytes, Declared]] = []
        globs: list[tuple[str, Declared]] = []
        for service in services:
            for pattern in service.cookies:
                declared = Declared(service.key, pattern)
                name = pattern.name.encode("latin-1", "replace")
                if pattern.match is Match.EXACT:
                    self._exact.setdefault(name, declared)
                elif pattern.match is Match.PREFIX:
                    prefixes.append((name, declared))
                else:
                    globs.append((pattern.name, declared))
        self._prefixes = sorted(prefixes, key=lambda pair: len(pair[0]), reverse=True)
        self._globs = [
            (re.compile(fnmatch.translate(glob).encode("latin-1", "replace")), declared)
            for glob, declared in sorted(globs, key=lambda pair: len(pair[0]), reverse=True)
        ]

    def find(self, name: bytes) -> Declared | None:
        """Say who declared the cookie; None: nobody did."""
        declared = self._exact.get(name)
        if declared is not None:
            return declared
        for prefix, declared in self._prefixes:
            if name.startswith(prefix):
                return declared
        for glob, declared in self._globs:
            if glob.fullmatch(name):
                return declared
        return None
