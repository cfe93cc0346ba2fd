"""What a browser would load from a page: other people's parsers tell, ours has no say.

Trees by html5lib and by lexbor (selectolax), addresses by ada (the WHATWG URL parser), style sheets
by tinycss2. Both trees are those of a browser without scripting: ``<noscript>`` is markup.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import ada_url
import html5lib
import tinycss2
from selectolax.lexbor import LexborHTMLParser

PAGE = "https://shop.example/catalogue/page"
XLINK = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class Element:
    """One element of a tree."""

    tag: str
    attributes: dict[str, str]
    text: str = field(repr=False, default="")
    """Its own text, where that can do something: scripts and styles. Inside SVG tags may cut it:
    what runs or applies is the pieces joined (DOM, "child text content")."""


def by_html5lib(page: str, *, has_scripting: bool = False) -> list[Element]:
    """Every element, in tree order."""
    tree = html5lib.HTMLParser().parse(page, scripting=has_scripting)
    return [
        Element(_local(node.tag), {_attribute(k): v for k, v in node.attrib.items()}, _text(node))
        for node in tree.iter()
        if isinstance(node.tag, str)
    ]


def _text(node: Any) -> str:
    if _local(node.tag) not in ("script", "style"):
        return ""
    return "".join([node.text or "", *(child.tail or "" for child in node)])


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].lower()


def _attribute(name: str) -> str:
    return "xlink:href" if name == XLINK else name.lower()


def by_html5lib_scripting(page: str) -> list[Element]:
    """The same for a browser with scripting: what is in ``<noscript>`` is text."""
    return by_html5lib(page, has_scripting=True)


def by_lexbor(page: str) -> list[Element]:
    """Every element but those of a ``template``, in tree order."""
    found = []
    for node in LexborHTMLParser(page).root.traverse(include_text=False):  # type: ignore[union-attr]
        tag = (node.tag or "").lower()
        text = node.text(deep=False, separator="") if tag in ("script", "style") else ""
        attributes = {name.lower(): value or "" for name, value in node.attributes.items()}
        found.append(Element(tag, attributes, text))
    return found


Parse = Callable[[str], list[Element]]
PARSERS: dict[str, Parse] = {"html5lib": by_html5lib, "lexbor": by_lexbor}

_LOADS = {
    "script": ("src", "href", "xlink:href"),
    "img": ("src", "lowsrc", "dynsrc"),
    "image": ("href", "xlink:href", "src"),
    "use": ("href", "xlink:href"),
    "feimage": ("href", "xlink:href"),
    "source": ("src",),
    "iframe": ("src",),
    "frame": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "input": ("src", "formaction"),
    "button": ("formaction",),
    "form": ("action",),
    "body": ("background",),
    "table": ("background",),
    "td": ("background",),
    "base": ("href",),
}
_REL = re.compile(
    r"\b(stylesheet|preload|prefetch|preconnect|dns-prefetch|modulepreload|icon|manifest|prerender)\b",
    re.I,
)
_RUNS = ("", "module", "text/javascript", "application/javascript")
_URL = re.compile(r"url\s*=\s*[\"']?([^\"']*)", re.I)


def loads(elements: list[Element], *, has_forms: bool = True) -> Iterator[list[str]]:
    """For each element the absolute addresses it contacts, and ``script:TEXT`` for inline ones.

    ``has_forms``: with those that a person sends a form to.
    """
    base = PAGE
    has_base = False
    for element in elements:
        if element.tag == "base" and "href" in element.attributes and not has_base:
            has_base = True
            base = next(_resolved(element.attributes["href"], PAGE), PAGE)
            yield [base]
            continue
        if not has_forms:
            element = _unsent(element)
        found = [address for url in _loaded(element) for address in _resolved(url, base)]
        yield [*found, *_nested(element, has_forms=has_forms)]


def _unsent(element: Element) -> Element:
    kept = {name: element.attributes[name] for name in element.attributes if name not in _SENT}
    return replace(element, attributes=kept)


def _nested(element: Element, *, has_forms: bool) -> Iterator[str]:
    if element.tag == "iframe" and "srcdoc" in element.attributes:
        inner = by_html5lib(element.attributes["srcdoc"])
        for found in loads(inner, has_forms=has_forms):
            yield from found
    if element.tag == "script" and "src" not in element.attributes and _runs(element):
        yield "script:" + element.text


def _runs(element: Element) -> bool:
    return element.attributes.get("type", "").strip().lower() in _RUNS


def _loaded(element: Element) -> Iterator[str]:
    given, tag = element.attributes, element.tag
    if tag == "script" and not _runs(element):
        return
    for name in _LOADS.get(tag, ()):
        if name in given:
            yield given[name]
    if tag in ("img", "source") and "srcset" in given:
        yield from _of_srcset(given["srcset"])
    if tag == "link" and _REL.search(given.get("rel", "")):
        yield given.get("href", "")
        yield from _of_srcset(given.get("imagesrcset", ""))
    if tag in ("a", "area") and "ping" in given:
        yield from given["ping"].split()
    if tag == "meta" and given.get("http-equiv", "").strip().lower() == "refresh":
        yield from _URL.findall(given.get("content", ""))
    if "style" in given:
        yield from _of_css(tinycss2.parse_blocks_contents(given["style"]))
    if tag == "style" and given.get("type", "text/css").strip().lower() in ("", "text/css"):
        yield from _of_css(tinycss2.parse_stylesheet(element.text))


def _of_srcset(text: str) -> Iterator[str]:
    """The addresses of a ``srcset``, letter by letter as 4.8.4.2.2 has it."""
    at, space = 0, "\t\n\f\r "
    while True:
        while at < len(text) and text[at] in space + ",":
            at += 1
        if at >= len(text):
            return
        start = at
        while at < len(text) and text[at] not in space:
            at += 1
        url = text[start:at]
        yield url.rstrip(",")
        if url.endswith(","):
            continue
        depth = 0
        while at < len(text) and (depth or text[at] != ","):
            depth = 1 if text[at] == "(" else 0 if text[at] == ")" else depth
            at += 1


def _of_css(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        if node.type == "url":
            yield node.value
        elif node.type == "function" and node.lower_name in ("url", "src", "image-set"):
            yield from (one.value for one in node.arguments if one.type in ("string", "url"))
        elif node.type == "at-rule" and node.lower_at_keyword == "import":
            yield from (one.value for one in node.prelude if one.type in ("string", "url"))
        for part in ("prelude", "content", "value", "arguments"):
            inner = getattr(node, part, None)
            if isinstance(inner, list):
                yield from _of_css(inner)


def _resolved(url: str, base: str) -> Iterator[str]:
    if not url:
        return
    try:
        yield ada_url.URL(url, base=base).href
    except ValueError:
        return


DENIED_HOST = re.compile(r"(?:.*\.)?ads\.example\.?|films\.example\.?")
_KNOWN = ("shop.example", "ok.example", "www.shared.example")
_SENT = ("action", "formaction")
_SNIPPET = re.compile(r"(?<![\w$])adq\(|(?<![\w$])gtm\.start")


def is_denied(address: str) -> bool:
    """Whether an address belongs to what ``judges.silent`` denies."""
    if address.startswith("script:"):
        return _SNIPPET.search(address) is not None
    try:
        url = ada_url.URL(address)
    except ValueError:
        return False
    if not re.fullmatch(r"[\w-]+(?:\.[\w-]+)*\.?", url.hostname):
        return False  # no name that can be looked up
    if url.protocol not in ("http:", "https:", "ws:", "wss:", "ftp:"):
        return False
    if DENIED_HOST.fullmatch(url.hostname):
        return True
    return url.hostname.rstrip(".") == "www.shared.example" and url.pathname.startswith("/tag/")


def denied(page: str, parse: Parse) -> list[str]:
    """The denied addresses that a page would contact."""
    return [address for found in loads(parse(page)) for address in found if is_denied(address)]


def strangers(page: str, parse: Parse) -> list[str]:
    """The addresses that a page would contact by itself of hosts that ``judges.lonely`` lacks."""
    found = loads(parse(page), has_forms=False)
    return [address for some in found for address in some if _is_strange(address)]


def _is_strange(address: str) -> bool:
    try:
        url = ada_url.URL(address)
    except ValueError:
        return False
    is_named = re.fullmatch(r"[\w-]+(?:\.[\w-]+)+\.?", url.hostname) is not None
    is_loaded = url.protocol in ("http:", "https:", "ws:", "wss:", "ftp:")
    return is_named and is_loaded and url.hostname.rstrip(".") not in _KNOWN


def permitted(page: str, parse: Parse) -> Counter[str]:
    """What the elements contact that have nothing to do with anything denied."""
    return Counter(
        address
        for found in loads(parse(page))
        if not any(map(is_denied, found))
        for address in found
        if not address.startswith(("script:", "data-privacy:"))
    )
