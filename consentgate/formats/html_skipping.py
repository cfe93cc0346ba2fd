"""Owns what the rewriter may pass without a look: one expression for HTML, one for SVG and MathML.

Each matches as much as it can of tokens that are complete and change nothing about how the rest
is read, and stops before the first other one. Linear: every part is possessive or atomic; groups
are repeated in atomic ones, because ``(?:...)*+`` does not step back from a half-matched round
before Python 3.11.5 (python/cpython gh-106052).
"""

from __future__ import annotations

import re

from consentgate.formats.html_tags import ATTRIBUTES, NAME_END

_TEXT = rb"[^<]++|<(?=[^A-Za-z/!?])"
_COMMENT = (
    rb"<!--(?:-?>|(?!-?>)[^\-]*+(?>(?:-(?!-!?>)[^\-]*+)*)--!?>)|"
    rb"<!(?!--|\[CDATA\[)(?=[^\-\[]|-[^\-]|\[[^C])[^>]*+>|"
    rb"<\?[^>]*+>|</(?=[^A-Za-z])[^>]*+>"
)
_REST = rb"[^\t\n\f\r />]*+" + NAME_END + ATTRIBUTES + rb">"


_QUICK_REST = rb"(?=[\t\n\f\r />])(?>(?:[^<>\"'=]*+(?<=[a-zA-Z0-9_-])=\"[^\"<>]*+\")*)[^<>\"'=]*+>"
"""Attributes as nearly all are written, at several times the speed of the whole grammar: every
``=`` follows a name and is followed by a value in double quotes without ``<`` and ``>``. Then the
first ``>`` outside quotes ends the tag by any reading."""


def _names(*names: str) -> bytes:
    joined = "|".join(names).encode()
    return rb"(?i:" + joined + rb")" + NAME_END


def _raw(name: bytes) -> bytes:
    """A raw text element up to its end tag, and the end tag."""
    return (
        rb"<(?i:" + name + rb")" + NAME_END + ATTRIBUTES + rb">"
        rb"[^<]*+(?>(?:<(?!/(?i:" + name + rb")[\t\n\f\r />])[^<]*+)*)"
        rb"</(?i:" + name + rb")" + NAME_END + ATTRIBUTES + rb">"
    )


RAW_TEXT = ("style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
"""Elements whose content is text, beside ``script`` and ``plaintext`` (13.2.6.2)."""

_SCRIPT = (
    rb"<(?i:script)" + NAME_END + ATTRIBUTES + rb">"
    rb"[^<]*+(?>(?:<(?!/(?i:script)[\t\n\f\r />]|!--)[^<]*+)*)"
    rb"</(?i:script)" + NAME_END + ATTRIBUTES + rb">"
)
_POINTS = ("foreignobject", "desc", "title", "annotation-xml", "mi", "mo", "mn", "ms", "mtext")
BREAKOUTS = (
    "b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|embed|h[1-6]|head|hr|i|img|li|listing|"
    "menu|meta|nobr|ol|p|pre|ruby|s|small|span|strong|strike|sub|sup|table|tt|u|ul|var|font"
)
"""Start tags that end SVG and MathML (13.2.6.5)."""

_STOPS = _names(
    *("svg", "math", "noscript", "form", "plaintext", "script", "base", "body", "select"),
    *("frameset", *RAW_TEXT),
)
_END_STOPS = _names("noscript", "form", "head", "select")
_FOREIGN_STOPS = _names("svg", "math", "script", "style", *_POINTS, BREAKOUTS)
_FOREIGN_END_STOPS = _names("svg", "math", "p", "br", *_POINTS)

_QUICK = (
    rb"</(?:[a-egi-mo-rt-z]|f(?!or)|h(?!ea)|n(?!o)|s(?!el))[a-z0-9-]*+>|"
    rb"<(?:[acdeghjkloqruvwyz]|b(?!as|od)|f(?!or|ra)|i(?!fr)|m(?!at)|n(?!o)|p(?!la)|"
    rb"s(?!c|el|ty|v)|t(?!ex|it)|x(?!m))[a-z0-9-]*+" + _QUICK_REST
)
"""Lower-case tags whose first letters tell that they are none of the stops."""
_QUICK_FOREIGN = (
    rb"</?(?:path|g|rect|circle|ellipse|line|polygon|polyline|use|defs|stop|mask|symbol|text|tspan)"
    + _QUICK_REST
)
_MARKUP = (
    rb"[^<]++|" + _QUICK + rb"|" + _TEXT + rb"|"
    rb"<(?!" + _STOPS + rb")[A-Za-z]" + _REST + rb"|"
    rb"</(?!" + _END_STOPS + rb")[A-Za-z]" + _REST + rb"|" + _COMMENT
)
HTML = re.compile(
    b"(?>(?:" + b"|".join((_MARKUP, _SCRIPT, *(_raw(name.encode()) for name in RAW_TEXT))) + b")*)"
)
DOUBTFUL = re.compile(b"(?>(?:" + _MARKUP + b")*)")
"""Where it cannot be told whether what is text in HTML is text here."""
FOREIGN = re.compile(
    rb"(?>(?:[^<]++|" + _QUICK_FOREIGN + rb"|" + _TEXT + rb"|"
    rb"<(?!" + _FOREIGN_STOPS + rb")[A-Za-z]" + _REST + rb"|"
    rb"</(?!" + _FOREIGN_END_STOPS + rb")[A-Za-z]" + _REST + rb"|"
    rb"<!\[CDATA\[[^\]]*+(?>(?:\](?!\]>)[^\]]*+)*)\]\]>|" + _COMMENT + rb")*)"
)
