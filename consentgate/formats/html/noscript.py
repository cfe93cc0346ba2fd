"""Owns how ``<noscript>`` ends alike in every browser.

Its content is markup to a browser without scripting; to one with it, text up to the first
``</noscript``, be that in a comment, an attribute or a style sheet (WHATWG HTML, 13.2.6.4.7). What
such an end stands in is ended before it: then both read on from the same place.
"""

from __future__ import annotations

import re

END = re.compile(rb"</noscript(?=[\t\n\f\r />])", re.IGNORECASE)
HELD_BYTES = len(b"</noscript")
"""The end may be cut after so many."""
_CLOSINGS = {b"<!--": b"-->", b"<!": b">", b"<![CDATA[": b"]]>"}


def closing(inside: bytes, turn: int) -> bytes:
    """What ends a comment, declaration or raw text.

    Args:
        inside: what it begins with, or the element's name.
        turn: for a script, where it stands among its comments (``html_scanning.script_end``).
    """
    found = _CLOSINGS.get(inside)
    if found is not None:
        return found
    return (b"-->" if turn else b"") + b"</" + inside + b">"
