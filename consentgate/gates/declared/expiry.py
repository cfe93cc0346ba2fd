"""Owns how a cookie is expired that a browser still sends; never knows which ones are denied."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from consentgate.domain.policy.policy import CookiePattern
from consentgate.formats import cookies


def expiry_lines(
    name: bytes, pattern: CookiePattern | None, host: str, path: str, is_secure: bool
) -> Sequence[bytes]:
    """Write a line for every ``Domain`` and ``Path`` a cookie can have been set with.

    Args:
        name: as the browser sends it.
        pattern: how it was declared; None: it was not.
        host: the ``Host`` field.
        path: the request's path, percent-encoded.
        is_secure: whether the visitor came over HTTPS.

    Returns:
        The likeliest first: as it was declared, then ``/``, then deeper paths. Over HTTPS those for
        ``/`` follow in the other partition: a line without ``Partitioned`` leaves a partitioned
        cookie of that name where it is, and the other way round (CHIPS).
    """
    is_partitioned = pattern is not None and pattern.is_partitioned
    if name.startswith(b"__Host-"):
        pairs = [(b"", b"/")]
    else:
        pairs = list(product(cookies.domain_variants(host), cookies.path_variants(path)))
        pairs.sort(key=lambda pair: len(pair[1]))
    if pattern is not None and (pattern.domain or pattern.path != "/"):
        first = ((pattern.domain or "").lstrip(".").encode(), pattern.path.encode())
        pairs = [first, *(pair for pair in pairs if pair != first)]
    forms = [(domain, variant, is_partitioned) for domain, variant in pairs]
    if is_secure:
        forms += [(*pair, not is_partitioned) for pair in pairs if pair[1] == b"/"]
    return [
        cookies.expiry(
            name, domain=domain, path=variant, is_secure=is_secure, is_partitioned=is_other
        )
        for domain, variant, is_other in forms
    ]
