"""Owns what the rewriter may pass without a look: one pair of expressions for each way of reading.

Of each pair the first looks for a ``<`` that no tag of the usual shape begins, the second takes one
other token that is complete and changes nothing about how the rest is read. Linear: every part is
possessive or atomic; groups are repeated in atomic ones, because ``(?:...)*+`` does not step back
from a half-matched round before Python 3.11.5 (python/cpython gh-106052).

``_tokens.c`` is the same compiled, and takes their place where it could be built. It may
stop at other tokens, but passes none that has to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from consentgate.formats.html.tags import ATTRIBUTES, NAME_END

skip: Callable[[bytes, int, int, int], tuple[int, int]] | None
try:
    from consentgate.formats.html._tokens import skip
except ImportError:  # installed without a compiler
    skip = None

_TEXT = rb"<(?=[^A-Za-z/!?])"
_COMMENT = (
    rb"<!--(?:-?>|(?!-?>)[^\-]*+(?>(?:-(?!-!?>)[^\-]*+)*)--!?>)|"
    rb"<!(?!--|\[CDATA\[)(?=[^\-\[]|-[^\-]|\[[^C])[^>]*+>|"
    rb"<\?[^>]*+>|</(?=[^A-Za-z])[^>]*+>"
)
_REST = rb"[^\t\n\f\r />]*+" + NAME_END + ATTRIBUTES + rb">"


_NOT_VALUE = rb"[^<>\"'=]*+"
_VALUE = (
    rb"=(?<=[a-zA-Z0-9_-]=)"
    rb"(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\t\n\f\r \"'<>=`]++(?=[\t\n\f\r >]))"
)
_MOST_VALUES = 4
"""Values in one tag beyond which they are taken in a loop, which is slower."""


def _quick_rest(values: int = _MOST_VALUES) -> bytes:
    """Attributes as nearly all are written, at many times the speed of the whole grammar.

    Every ``=`` follows a name, and no value holds ``<`` or ``>``. Then the first ``>`` ends the tag
    by any reading, and the next ``<`` begins the next token.
    """
    if not values:
        return rb"(?>(?:" + _NOT_VALUE + _VALUE + rb")*)" + _NOT_VALUE + rb">"
    return _NOT_VALUE + rb"(?:>|" + _VALUE + _quick_rest(values - 1) + rb")"


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
BREAKOUTS = (
    "b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|embed|h[1-6]|head|hr|i|img|li|listing|"
    "menu|meta|nobr|ol|p|pre|ruby|s|small|span|strong|strike|sub|sup|table|tt|u|ul|var|font"
)
"""Start tags that end SVG and MathML (13.2.6.5)."""
DRAWN = (
    "path|g|rect|circle|ellipse|line|polygon|polyline|use|defs|stop|mask|symbol|text|tspan|"
    "clippath|lineargradient|radialgradient|pattern|filter|marker|image|switch|view|metadata|"
    "animate|animatetransform|animatemotion|set|mpath|textpath|feblend|fecolormatrix|"
    "fecomponenttransfer|fecomposite|fedropshadow|feflood|fefunca|fefuncb|fefuncg|fefuncr|"
    "fegaussianblur|feimage|femerge|femergenode|femorphology|feoffset|fetile|feturbulence|"
    "mrow|mfrac|msqrt|mroot|msub|msup|msubsup|munder|mover|munderover|mtable|mtr|mtd|mspace|"
    "mstyle|mpadded|mphantom|menclose|mfenced|mmultiscripts|semantics|annotation"
)
"""Elements of SVG and MathML that HTML does not have: their tags change nothing around."""

_STOPS = _names(
    *("svg", "math", "noscript", "form", "plaintext", "script", "base", "body", "select"),
    *("frameset", *RAW_TEXT),
)
_END_STOPS = _names("noscript", "form", "head", "select")
_DRAWN = _names(DRAWN)

_QUICK = (
    rb"(?:/(?:[a-gi-mo-rt-z]|h(?!ea)|n(?!o)|s(?!el))[a-z0-9-]*+>|"
    rb"(?:[acdeghjkloqruvwyz]|b(?!as|od)|f(?!ra)|i(?!fr)|m(?!at)|n(?!o)|p(?!la)|"
    rb"s(?!c|el|ty|v)|t(?!ex|it)|x(?!m))[a-z0-9-]*+"
    rb"(?:>|(?=[\t\n\f\r /])" + _quick_rest() + rb"))"
)
"""Lower-case tags whose first letters tell that they are none of the stops, and forms."""
_QUICK_FOREIGN = (
    rb"/?(?:path|g|rect|circle|ellipse|line|polygon|polyline|use|defs|stop|mask|symbol|text|tspan)"
    rb"(?:>|(?=[\t\n\f\r /])" + _quick_rest() + rb")"
)
_DRAWING = (
    rb"<svg(?:>|(?=[\t\n\f\r /])" + _quick_rest() + rb")"
    rb"(?>(?:[^<]*+<" + _QUICK_FOREIGN + rb")*)[^<]*+</svg>"
)
"""A whole drawing of such tags; if it closes itself, they mean nothing in HTML either."""
_MARKUP = (
    _TEXT + rb"|<(?!" + _STOPS + rb")[A-Za-z]" + _REST + rb"|"
    rb"</(?!" + _END_STOPS + rb")[A-Za-z]" + _REST + rb"|" + _COMMENT
)


DRAWING = re.compile(_DRAWING)
_FORM = re.compile(rb"<(/?)form(?=[\t\n\f\r />])")


class Forms:
    """Whether the page is inside a form: found out when asked, since forms are passed unseen."""

    __slots__ = ("_is_inside", "passed")

    def __init__(self) -> None:
        self._is_inside = False
        self.passed: list[tuple[int, int]] = []
        """Where nothing but text and tags of the usual shape was passed since then, in order."""

    def take(self, *, is_start: bool) -> None:
        """Take a form's tag that was looked at."""
        self._is_inside = is_start
        self.passed.clear()

    def is_inside(self, data: bytes) -> bool:
        """Whether the end of what was passed of ``data`` is in a form; forgets the places."""
        while self.passed:
            tags = _FORM.findall(data, *self.passed.pop())
            if tags:
                self.take(is_start=not tags[-1])
        return self._is_inside


def _attributes(names: bytes) -> bytes:
    """Attributes of these names alone, with any plain value."""
    value = rb"(?>(?:=(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\t\n\f\r \"'<>=`]++))?)"
    one = rb"[\t\n\f\r ]++(?:" + names + rb")" + value + rb"(?=[\t\n\f\r >])"
    return rb"(?>(?:" + one + rb")*)[\t\n\f\r ]*+/?>"


_SAYING = (
    rb"href|class|id|title|rel|target|lang|dir|hreflang|type|role|tabindex|accesskey|download|"
    rb"name|property|content|itemprop|itemtype|itemscope|itemid|value|aria-[a-z]++|"
    rb"data-(?!p|s)[a-z0-9-]++"
)
"""Attributes that load nothing, whatever they say, in the tags below."""
_LEADING = rb"rel=\"(?:canonical|alternate|shortlink|next|prev|author|license|profile|pingback)\""
HARMLESS = re.compile(
    rb"<(?:(?:a|meta|div|span|p|li|ul|article|section|h[1-6]|button|td|time|input)"
    + _attributes(_SAYING)
    + rb"|link(?>(?:[\t\n\f\r ]++(?:"
    + _LEADING
    + rb"|(?:href|hreflang|title|type|media|id|lang)=\"[^\"<>]*+\"))*)[\t\n\f\r ]*+/?>"
    rb"|script[ ]type=\"application/(?:ld\+)?json\""
    + _attributes(rb"id|class|data-(?!p|s)[a-z0-9-]++")
    + rb"[^<]*+</script>)"
)
"""What names hosts on most pages, and loads nothing from them: links, facts, data."""


@dataclass(frozen=True, slots=True)
class Skipping:
    """What may be passed where tags are read in one way."""

    unusual: re.Pattern[bytes]
    """Finds a ``<`` that no tag of the usual shape begins."""
    token: re.Pattern[bytes]
    """Takes one token that needs no look."""

    reading: int
    """What the compiled way calls it."""

    def end(self, data: bytes, position: int, limit: int, forms: Forms) -> int:
        """Where the first token after ``position`` is that needs a look; ``limit``: none before it.

        Args:
            data: the page's bytes.
            position: where a token or text begins.
            limit: nothing is passed that reaches beyond it.
            forms: is told of what was passed.
        """
        if skip is None:
            return self._end(data, position, limit, forms.passed)
        position, form = skip(data, position, limit, self.reading)
        if form:
            forms.take(is_start=form > 0)
        return position

    def _end(self, data: bytes, position: int, limit: int, passed: list[tuple[int, int]]) -> int:
        while found := self.unusual.search(data, position, limit):
            start = found.start()
            if start > position:
                passed.append((position, start))
            token = self.token.match(data, start, limit)
            if token is None:
                return start
            position = token.end()
        passed.append((position, limit))
        return limit


HTML = Skipping(
    unusual=re.compile(rb"<(?!" + _QUICK + rb")"),
    token=re.compile(
        b"|".join((_DRAWING, _MARKUP, _SCRIPT, *(_raw(name.encode()) for name in RAW_TEXT)))
    ),
    reading=0,
)
DOUBTFUL = Skipping(unusual=HTML.unusual, token=re.compile(_MARKUP), reading=1)
"""Where it cannot be told whether what is text in HTML is text here."""
FOREIGN = Skipping(
    unusual=re.compile(rb"<(?!" + _QUICK_FOREIGN + rb")"),
    token=re.compile(
        _TEXT + rb"|</?+" + _DRAWN + ATTRIBUTES + rb">|"
        rb"<!\[CDATA\[[^\]]*+(?>(?:\](?!\]>)[^\]]*+)*)\]\]>|" + _COMMENT
    ),
    reading=2,
)
