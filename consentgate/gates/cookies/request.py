"""Owns what of the request's cookies the app may read (CKE-02; EDPB 2/2023, paragraph 31)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consentgate.formats import cookies
from consentgate.gates.plan import Outcome, Pass

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Sifted:
    """The request's cookies after the gate."""

    headers: Headers
    """What the app sees; the same list where nothing was taken away."""
    denied: list[bytes]
    """Names that are declared and denied: to be expired in the response."""
    undeclared: list[bytes]
    """Names that nobody declared, whether they passed or not."""


def sift(headers: Headers, at: Sequence[int], outcome: Outcome) -> Sifted:
    """Keep the cookies that the outcome permits, each byte for byte, and drop the others.

    Our own token never reaches the app. A field that keeps nothing disappears; several fields
    (HTTP/2 crumbs, RFC 9113 8.2.3) stay several.

    Args:
        headers: the scope's header pairs.
        at: positions of the ``cookie`` fields in them.
        outcome: what this visitor permits.
    """
    sifted = Sifted(headers, [], [])
    replaced: dict[int, bytes | None] = {}
    for position in at:
        value = headers[position][1]
        kept = _keep(value, outcome, sifted)
        if kept is not None:
            replaced[position] = cookies.join(kept) if kept else None
    if replaced:
        sifted.headers = _without(headers, replaced)
    return sifted


def _keep(value: bytes, outcome: Outcome, sifted: Sifted) -> list[bytes] | None:
    """The pieces that pass; None where all of them do."""
    kept: list[bytes] = []
    is_whole = True
    known = outcome.passes.get
    for piece in value.split(b";"):
        name, equals, _ = piece.partition(b"=")
        name = name.strip(b" \t") if equals else b""
        verdict = known(name) if name else None
        if verdict is Pass.PERMITTED:
            kept.append(piece)
            continue
        if not equals and not piece.strip(b" \t"):
            kept.append(piece)  # "a=1;" keeps its trailing semicolon
            continue
        verdict = verdict or outcome.cookie(name)
        if verdict is Pass.PERMITTED:
            kept.append(piece)
            continue
        if verdict is Pass.DENIED:
            sifted.denied.append(name)
        elif verdict is not Pass.OWN:
            sifted.undeclared.append(name)
            if verdict is Pass.UNDECLARED_PASSES:
                kept.append(piece)
                continue
        is_whole = False
    if is_whole:
        return None
    return kept if any(piece.strip(b" \t") for piece in kept) else []


def _without(headers: Headers, replaced: dict[int, bytes | None]) -> Headers:
    rebuilt: Headers = []
    for position, pair in enumerate(headers):
        if position not in replaced:
            rebuilt.append(pair)
        elif (value := replaced[position]) is not None:
            rebuilt.append((pair[0], value))
    return rebuilt
