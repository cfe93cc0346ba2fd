"""Owns marks of ended grants and the compact set of them; never knows where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MARK_BYTES = 12
_BUCKETS = 1 << 16


def mark_of(choice_id: str) -> bytes:
    """What stands for a grant that has ended: a hash of its random id, which it does not tell.

    The hash takes no key, so that a mark holds however often the site changes its secret. The id
    has 128 random bits and cannot be guessed from it.
    """
    return hashlib.sha256(choice_id.encode()).digest()[:MARK_BYTES]


class Marks:
    """A set of marks in about 15 bytes each, for an answer in well under a microsecond.

    A mark lies in the bucket of its first two bytes, behind the others of that bucket. A mark that
    two others make together is as unlikely as a guessed one.
    """

    __slots__ = ("_buckets", "count")

    def __init__(self, marks: Iterable[bytes] = ()) -> None:
        self._buckets = [b""] * _BUCKETS
        self.count = 0
        self.add(marks)

    def add(self, marks: Iterable[bytes]) -> None:
        """Put marks in; one that is there already changes nothing."""
        buckets = self._buckets
        for mark in marks:
            number = mark[0] << 8 | mark[1]
            if mark not in buckets[number]:
                buckets[number] += mark
                self.count += 1

    def __contains__(self, mark: bytes) -> bool:
        return mark in self._buckets[mark[0] << 8 | mark[1]]
