"""Owns what makes one element inert: which attributes are renamed and what is put in.

Knows attributes and addresses, asks a judge whose they are; never knows visitors or streams.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

from consentgate.formats.html.programs import loads_by_program
from consentgate.formats.html.scanner import Edit
from consentgate.formats.html.suspects import Suspicion
from consentgate.formats.html.tags import (
    ADDRESSING,
    JAVASCRIPT,
    Attribute,
    Kind,
    attributes_of,
    kind_of,
    loads,
    texts_of,
)
from consentgate.formats.urls import addresses as urls
from consentgate.formats.urls.addresses import Address

PREFIX = b"data-privacy-"
"""What a renamed attribute's name begins with; taking it away brings the element back."""
SERVICE = b"data-privacy-service"
"""Keys of the services an element waits for, apart by spaces: all must be granted."""
PURPOSE = b"data-privacy-purpose"
"""Keys of purposes an element waits for, apart by spaces."""
CSS_MARK = b"data-privacy:%s:"
"""Put before an address inside a style sheet: a scheme nothing is fetched from."""
UNKNOWN = "unknown"
"""Stands for the service of what cannot be told."""
UNDECLARED = "undeclared"
"""Stands for the service of a host that nobody declared."""


class Judge(Suspicion, Protocol):
    """Says whose an address is and whether that is denied to this visitor."""

    def denied(self, address: Address, url: str, *, is_loaded: bool = True) -> tuple[str, ...]:
        """The denied services the address belongs to, which waits for all of them; empty: it may
        be reached.

        UNKNOWN and UNDECLARED where nobody's grant can help.

        Args:
            address: where it leads.
            url: the address as it stands, which may name a person.
            is_loaded: whether a browser goes there by itself. Where a person goes, by a link or
                a form, nobody has to be declared.
        """

    def denied_marks(self, services: str, purposes: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is denied of the keys in ``data-service`` and ``data-purpose``."""


@dataclass(frozen=True, slots=True)
class Held:
    """An embedded frame that is held back, for whoever draws its placeholder."""

    services: tuple[str, ...]
    purposes: tuple[str, ...]
    width: str
    """As written in the page, decoded but otherwise untrusted; empty: not stated."""
    height: str
    title: str
    style: str
    """The frame's own ``style``, likewise untrusted."""
    has_border: bool
    """Whether a browser draws its own border around the frame."""
    is_in_form: bool
    """A form inside a form is not one: the placeholder must do without."""
    hosts: tuple[str, ...] = ()
    """What it would have loaded from and nobody declared."""


Hold = Callable[[Held], bytes]


@dataclass(slots=True)
class Waits:
    """What an element waits for."""

    services: list[str] = field(default_factory=list)
    purposes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.services or self.purposes)

    def on(self, keys: Iterator[str] | tuple[str, ...] | list[str]) -> bool:
        """Add services; says whether there were any."""
        added = list(keys)
        self.services += [key for key in dict.fromkeys(added) if key not in self.services]
        return bool(added)

    def written(self) -> bytes:
        """The attributes that say so."""
        text = b""
        if self.services:
            text += b" " + SERVICE + b'="' + " ".join(self.services).encode() + b'"'
        if self.purposes:
            text += b" " + PURPOSE + b'="' + " ".join(self.purposes).encode() + b'"'
        return text


class Element:
    """One start tag: judged, and made inert where something it loads from is denied."""

    __slots__ = (
        "_base",
        "_is_loaded",
        "_judge",
        "_nest",
        "attributes",
        "first",
        "hosts",
        "name",
        "name_end",
    )

    def __init__(
        self,
        data: bytes,
        name: bytes,
        name_end: int,
        tag_end: int,
        judge: Judge,
        base: Address | None,
        nest: Callable[[str], list[str]],
    ) -> None:
        """Read the attributes.

        Args:
            data: the page's bytes.
            name: the tag's name, lower-case.
            name_end: where the name ends.
            tag_end: where the tag ends, after its ``>``.
            judge: whose addresses are.
            base: what relative addresses are resolved against, if that is another host.
            nest: the denied services of a page inside an attribute.
        """
        self.name = name
        self.name_end = name_end
        self.attributes: list[Attribute] = attributes_of(data, name_end, tag_end - 1)
        self.first: dict[bytes, bytes] = {}
        for attribute in self.attributes:
            self.first.setdefault(attribute.name, attribute.value)
        self._judge = judge
        self._base = base
        self._nest = nest
        self._is_loaded = True
        self.hosts: list[str] = []
        """What it would load from and nobody declared; known once it is gated."""

    def text(self, name: bytes) -> str:
        """The decoded value of an attribute; empty where there is none."""
        return texts_of(self.first.get(name, b""))[0]

    @property
    def script_type(self) -> str:
        """The type a ``script`` runs with: lower-case, ``""`` for none."""
        if b"type" not in self.first:
            language = self.text(b"language").lower()
            return f"text/{language}" if language else ""
        return self.text(b"type").strip("\t\n\f\r ").lower()

    @property
    def is_program(self) -> bool:
        """Whether a ``script`` element runs, or directs what is fetched."""
        return self.script_type in JAVASCRIPT or self.script_type in ADDRESSING

    @property
    def has_source(self) -> bool:
        """Whether a ``script`` element is loaded from an address: then its content is not run."""
        return b"src" in self.first

    def gate(self, content: tuple[str, ...] = ()) -> tuple[Waits, list[Edit], frozenset[bytes]]:
        """Say what makes the element inert.

        Args:
            content: denied services that the element's content gives away.

        Returns:
            what it waits for, the bytes to insert and the names of the renamed attributes.
        """
        waits = Waits()
        marked = self._marked(waits)
        renamed = {
            attribute.name
            for attribute in self.attributes
            if (kind := self._kind(attribute)) is not None
            and (waits.on(self._denied(kind, attribute)) or (marked and kind is not Kind.CSS))
        }
        waits.on(content)
        is_stopped = self._is_stopped(bool(marked or content or b"src" in renamed))
        if self.name == b"script" and (b"href" in renamed or b"xlink:href" in renamed):
            is_stopped = True
        if is_stopped and b"type" in self.first:
            renamed.add(b"type")
        if not waits or not (renamed or is_stopped):
            return Waits(), [], frozenset()
        opening = (b' type="text/plain"' if is_stopped else b"") + waits.written()
        edits = [(self.name_end, opening)]
        edits += [(item.start, PREFIX) for item in self.attributes if item.name in renamed]
        return waits, edits, frozenset(renamed)

    def _is_stopped(self, is_denied: bool) -> bool:
        """Whether the element's content must not run or apply."""
        if not is_denied:
            return False
        return self.name == b"style" or (self.name == b"script" and self.is_program)

    def _marked(self, waits: Waits) -> bool:
        """What the page's author says the element is for (STO-02)."""
        if b"data-service" not in self.first and b"data-purpose" not in self.first:
            return False
        services, purposes = self._judge.denied_marks(
            self.text(b"data-service"), self.text(b"data-purpose")
        )
        waits.on(services)
        waits.purposes += purposes
        return bool(services or purposes)

    def _kind(self, attribute: Attribute) -> Kind | None:
        """What the attribute loads from, in this element as it stands."""
        if self.name == b"meta" and attribute.name == b"http-equiv":
            return Kind.META if self._directs() else None
        kind = kind_of(self.name, attribute.name)
        if kind is not None and self.name == b"link" and kind is not Kind.CSS:
            return kind if loads(self.text(b"rel")) else None
        return kind

    def _directs(self) -> bool:
        return self.text(b"http-equiv").strip().lower() in ("refresh", "delegate-ch", "link")

    def _denied(self, kind: Kind, attribute: Attribute) -> Iterator[str]:
        value = self.first.get(b"content", b"") if kind is Kind.META else attribute.value
        self._is_loaded = attribute.name not in _FOLLOWED
        for text in texts_of(value):
            yield from self._denied_in(kind, text)

    def _denied_in(self, kind: Kind, text: str) -> Iterator[str]:
        if kind is Kind.META:
            yield from self._denied_meta(text)
        elif kind is Kind.URL:
            yield from self._denied_url(text)
        elif kind is Kind.CSS:
            yield from self._denied_css(text)
        elif kind is Kind.CODE:
            yield from self._denied_code(text)
        elif kind is Kind.DOCUMENT:
            yield from self._nest(text)
        else:
            for url in _several(kind, text):
                yield from self._denied_url(url)
            if kind is Kind.STEPS:
                yield from self._denied_css(text)

    def _denied_css(self, text: str) -> Iterator[str]:
        for _, url in urls.in_css(text.encode("utf-8", "replace")):
            yield from self._denied_url(url)

    def _denied_meta(self, content: str) -> Iterator[str]:
        yield from self._denied_url(urls.of_refresh(content))
        yield from self._denied_text(content)

    def _denied_url(self, url: str) -> Iterator[str]:
        address = urls.address_of(url, self._base)
        if address is not None:
            keys = self._judge.denied(address, url, is_loaded=self._is_loaded)
            if UNDECLARED in keys:
                self.hosts.append(address.host)
            yield from keys
        elif urls.scheme_of(url) == "javascript:":
            yield from self._denied_code(unquote(url))
        elif urls.scheme_of(url) == "data:":
            media_type, texts = urls.of_data(url)
            is_drawing = "svg" in media_type and self.name not in _PICTURES
            if is_drawing or not media_type.startswith(_MEDIA):
                for text in texts:
                    yield from self._denied_data(media_type, text)

    def _denied_data(self, media_type: str, text: str) -> Iterator[str]:
        """The denied services that what is inside a ``data:`` address would load from."""
        yield from denied_in_text(text, self._judge, is_loaded=False)  # a page's may be links
        if self.name == b"script":
            yield from self._judge.knows(text.encode("utf-8", "replace"))
        if media_type == _SHEET or self.name == b"link":
            yield from _denied_in_sheet(text, self._judge)
        elif "xml" in media_type and "<!ENTITY" in text:
            yield UNKNOWN  # what it loads may be put together from names
        elif "html" in media_type or "xml" in media_type:
            yield from self._nest(text)

    def _denied_text(self, text: str) -> Iterator[str]:
        return denied_in_text(text, self._judge)

    def _denied_code(self, text: str) -> Iterator[str]:
        """The same of a program: most that name a host nobody declared only lead there."""
        return denied_in_text(text, self._judge, is_loaded=loads_by_program(text))


def denied_in_text(text: str, judge: Judge, *, is_loaded: bool = True) -> Iterator[str]:
    """The denied services that a text names an absolute address of."""
    for url in urls.in_text(text):
        address = urls.address_of(url)
        if address is not None:
            yield from judge.denied(address, url, is_loaded=is_loaded)


_FOLLOWED = frozenset((b"action", b"formaction"))
"""Where a person sends a form."""
_SHEET = "text/css"
_MEDIA = ("image/", "font/", "audio/", "video/")
"""What loads nothing more, but for a drawing that is shown as a page."""
_GAPS = re.compile(r"[\t\n\f\r ]+")
_MOST_SHEETS = 3
"""Style sheets inside addresses of style sheets; what lies deeper is denied unread."""
_PICTURES = frozenset((b"img", b"image", b"source", b"input", b"link", b"video"))
"""A picture in them loads nothing more."""


def _several(kind: Kind, text: str) -> Iterator[str]:
    if kind is Kind.SRCSET:
        yield from urls.of_srcset(text)
    elif kind is Kind.URLS:
        yield from _GAPS.split(text)
    else:
        yield text
        yield from text.split(";")


def _denied_in_css(url: str, judge: Judge, base: Address | None, depth: int = 0) -> Iterator[str]:
    """The denied services behind an address in a style sheet, or in a sheet inside it."""
    address = urls.address_of(url, base)
    if address is not None:
        yield from judge.denied(address, url)
    elif urls.scheme_of(url) == "data:":
        media_type, texts = urls.of_data(url)
        if media_type.startswith("text/") or not media_type:  # in quirks mode, whatever the type
            for text in texts:
                yield from _denied_in_sheet(text, judge, depth + 1)


def _denied_in_sheet(sheet: str, judge: Judge, depth: int = 0) -> Iterator[str]:
    if depth >= _MOST_SHEETS:
        yield UNKNOWN
        return
    for _, url in urls.in_css(sheet.encode("utf-8", "replace")):
        yield from _denied_in_css(url, judge, None, depth)


def css_edits(
    sheet: bytes, start: int, judge: Judge, base: Address | None
) -> tuple[list[str], list[Edit]]:
    """What takes denied addresses out of a style sheet.

    Args:
        sheet: the style sheet's bytes.
        start: where they stand in the page's data.
        judge: whose addresses are.
        base: what relative addresses are resolved against, if that is another host.
    """
    keys: list[str] = []
    edits: list[Edit] = []
    for place, url in urls.in_css(sheet):
        found = tuple(_denied_in_css(url, judge, base))
        if found and edits[-1:] != [(start + place, CSS_MARK % found[0].encode())]:
            keys += found
            edits.append((start + place, CSS_MARK % found[0].encode()))
    return keys, edits
