"""Owns the grammar of HTML tags: where a tag ends, what its attributes are and what they load.

Works on bytes of any ASCII-compatible charset (WHATWG HTML, 13.2.5); never changes anything.
"""

from __future__ import annotations

import enum
import html
import re
from dataclasses import dataclass
from html.entities import html5

from consentgate.formats.urls.addresses import decodings

SPACE = b"\t\n\f\r "
NAME_END = rb"(?=[\t\n\f\r />])"
ATTRIBUTES = (
    rb"(?>(?:[\t\n\f\r /]++|"
    rb"=?+[^\t\n\f\r />=]++(?:"
    rb"[\t\n\f\r ]*+=[\t\n\f\r ]*+"
    rb"(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r >\"'][^\t\n\f\r >]*+|(?=>))|"
    rb"(?![\t\n\f\r ]*+=))|"
    rb"=(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+"
    rb"(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r >\"'][^\t\n\f\r >]*+|(?=>))|"
    rb"(?![\t\n\f\r ]*+=)))*)"
)
"""Everything between a tag's name and its ``>``."""

TAG = re.compile(rb"<(/?)([A-Za-z][^\t\n\f\r />]*+)(?=[\t\n\f\r />])(" + ATTRIBUTES + rb")>")
_ATTRIBUTE = re.compile(
    rb"[\t\n\f\r /]*+(=?+[^\t\n\f\r />=]*+)"
    rb"(?:[\t\n\f\r ]*+(=)[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >]*+)))?"
)


class Kind(enum.Enum):
    """What the value of an attribute is to a browser."""

    URL = enum.auto()
    URLS = enum.auto()
    """Addresses apart by white space (``ping``)."""
    STEPS = enum.auto()
    """Values apart by semicolons (SVG animation)."""
    SRCSET = enum.auto()
    CSS = enum.auto()
    CODE = enum.auto()
    DOCUMENT = enum.auto()
    """A page of its own (``srcdoc``)."""
    META = enum.auto()
    """What a ``meta`` directs stands in its ``content``."""


_KINDS = {
    **dict.fromkeys(
        (
            b"src data poster background action formaction manifest lowsrc dynsrc codebase "
            b"classid archive xlink:href href"
        ).split(),
        Kind.URL,
    ),
    **dict.fromkeys((b"ping", b"attributionsrc"), Kind.URLS),
    **dict.fromkeys((b"srcset", b"imagesrcset"), Kind.SRCSET),
    **dict.fromkeys(
        (
            b"style fill stroke filter mask clip-path cursor marker marker-start marker-mid "
            b"marker-end"
        ).split(),
        Kind.CSS,
    ),
    b"srcdoc": Kind.DOCUMENT,
}
_ANIMATED = frozenset((b"animate", b"set", b"animatetransform", b"animatemotion"))
_STEPS = frozenset((b"to", b"from", b"by", b"values"))
_FETCHED = frozenset(
    b"base link script image use feimage mpath pattern lineargradient radialgradient textpath "
    b"tref filter cursor animate set animatemotion animatetransform color-profile "
    b"font-face-uri glyphref".split()
)
"""Their ``href`` is loaded by the page; that of others is opened by the visitor."""
_HARMLESS_RELS = frozenset(
    b"alternate amphtml author authorization_endpoint bookmark canonical contents copyright "
    b"describedby dns-record editor external first glossary help https://api.w.org/ hub index last "
    b"license me micropub next nofollow noopener noreferrer openid.delegate openid.server original "
    b"pgpkey pingback prev privacy-policy profile publisher search self shortlink start tag "
    b"terms-of-service token_endpoint top up webmention edituri wlwmanifest".split()
)
"""What a browser does not fetch for (WHATWG HTML, 4.6.7)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute as it stands."""

    name: bytes
    """Lower-case."""
    value: bytes
    """As written: character references not decoded."""
    start: int
    """Where its name starts in the data."""


def attributes_of(data: bytes, start: int, end: int) -> list[Attribute]:
    """Every attribute between ``start`` (after the tag's name) and ``end`` (its ``>``)."""
    found = []
    position = start
    while position < end:
        match = _ATTRIBUTE.match(data, position, end)
        if match is None or match.end() == position:
            break
        position = match.end()
        if match[1] or match[2]:
            value = match[3] or match[4] or match[5] or b""
            found.append(Attribute(match[1].lower(), value, match.start(1)))
    return found


def kind_of(tag: bytes, name: bytes) -> Kind | None:
    """What an attribute of a tag loads from; None: nothing. Both names in lower case."""
    kind = _KINDS.get(name)
    if kind is None:
        if name.startswith(b"on"):
            return Kind.CODE
        if tag in _ANIMATED and name in _STEPS:
            return Kind.STEPS
        return Kind.URL if tag == b"param" and name == b"value" else None
    if name == b"href" or name == b"xlink:href":
        return kind if tag in _FETCHED else None
    if name == b"data":
        return kind if tag == b"object" else None
    return kind


def loads(rel: str) -> bool:
    """Whether a browser fetches or connects for a ``link`` of this ``rel``."""
    kinds = rel.lower().split()
    if "stylesheet" in kinds or "icon" in kinds:
        return True
    return any(kind.encode("utf-8", "replace") not in _HARMLESS_RELS for kind in kinds)


_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z0-9]+[;=]?)")


def texts_of(value: bytes) -> tuple[str, ...]:
    """What an attribute value may say, character references decoded."""
    return tuple(
        _REFERENCE.sub(_decoded, text) if "&" in text else text for text in decodings(value)
    )


def _decoded(found: re.Match[str]) -> str:
    """One character reference, by the rule for attributes (13.2.5.73)."""
    text = found[0]
    if text[1] == "#" or text[1:] in html5:
        return html.unescape(text)
    return text


JAVASCRIPT = frozenset(
    (
        "",
        "module",
        "text/javascript",
        "application/javascript",
        "application/ecmascript",
        "application/x-ecmascript",
        "application/x-javascript",
        "text/ecmascript",
        "text/javascript1.0",
        "text/javascript1.1",
        "text/javascript1.2",
        "text/javascript1.3",
        "text/javascript1.4",
        "text/javascript1.5",
        "text/jscript",
        "text/livescript",
        "text/x-ecmascript",
        "text/x-javascript",
    )
)
"""Types a script runs with (WHATWG MIME Sniffing, 4.6)."""
ADDRESSING = frozenset(("importmap", "speculationrules"))
"""Types that hold addresses a browser fetches from."""


def closes_itself(attributes: bytes) -> bool:
    """Whether what stands between a tag's name and its ``>`` ends in a ``/`` of its own."""
    if not attributes.endswith(b"/"):
        return False
    last: re.Match[bytes] | None = None
    for match in _ATTRIBUTE.finditer(attributes):
        last = match if match.end() > match.start() else last
    return last is None or not last[5]
