"""Pages for rewriter tests: a corpus of odd markup, and a generator that makes more of it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

_BYTE = re.compile(rb"\{([0-9a-f]{2})\}")


def corpus(section: str = "") -> list[bytes]:
    """The pages of ``corpora/markup.txt``; of one section, or of all but ``careful``."""
    text = (Path(__file__).parent.parent / "corpora" / "markup.txt").read_bytes()
    pages, is_asked = [], not section
    for line in text.splitlines():
        if line.startswith(b"# careful"):
            is_asked = section == "careful"
        elif line and not line.startswith(b"#") and is_asked:
            pages.append(_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), line))
    return pages


_ADDRESSES = [
    b"//ads.example/", b"https://ads.example/x?a=1&b", b"//films.example", b"/\\ads.example/",
    b"&#47;/ads.example", b"//ok.example/", b"/x", b"//www.shared.example/tag/a", b"HTTPS:ads.example",
    b"//ok.example@ads.example:1/", b"/\t/ads.example", b"//sub.ads.example./", b"//adsexample/",
]  # fmt: skip
_PLAIN = ["http:ads.example", "//ads.example", "https://ads.example/x", "http:/ads.example", "\\\\ads.example",
          "/\\ads.example", "//u@ads.example", "data:text/html,<img src=//ads.example>"]  # fmt: skip
"""Addresses that are then spelt in other ways."""
_NAMES = (
    b"script style img image iframe noscript svg math p b a title textarea xmp noembed noframes "
    b"table tr td select option template form input button link meta base object embed video source "
    b"audio track body head html frameset frame foreignObject desc mi mtext annotation-xml font plaintext "
    b"div span br use q my-el g mglyph"
).split()
_ATTRIBUTES = (
    b"src href srcset data poster style ping action formaction xlink:href background rel type alt "
    b"title http-equiv content color encoding srcdoc"
).split()
_VALUES = [
    b"stylesheet", b"preload", b"refresh", b"0;url=//ads.example/", b"image", b"module", b"text/plain",
    b"text/html", b"url(//ads.example/x)", b"//ads.example/ 1x, /b 2x", b"", b"x>y", b"</script>",
    b"<img src=//ads.example/>", b"adq(1)",
]  # fmt: skip
_PIECES = [
    b"<!--", b"-->", b"--!>", b"<!-->", b"<![CDATA[", b"]]>", b"<!doctype html>", b"<?x", b">", b"<", b"</",
    b"/>", b"\"", b"'", b"=", b" ", b"\n", b"\f", b"\x00", b"&", b"text", b"adq(1);", b"@import '//ads.example/x';",
    b"p{background:url(//films.example/x)}", b"<script>", b"</script>", b"<style>", b"</style>", b"<svg>",
    b"</svg>", b"</noscript>", b"\xc3\xa9", b"\xff", b"</textarea>", b"</title>", b"</xmp>", b"</select>",
]  # fmt: skip


class Maker:
    """Makes small pages; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._corpus = corpus() + corpus("careful")

    def pages(self, count: int) -> Iterator[bytes]:
        """So many pages."""
        for _ in range(count):
            yield self.page()

    def page(self) -> bytes:
        """One: pieces of the corpus, tags and scraps, mutated or not."""
        chance, pick = self._random.random, self._random.choice
        parts = []
        for _ in range(self._random.randint(1, 5)):
            what = chance()
            parts.append(
                pick(self._corpus)
                if what < 0.25
                else self.tag()
                if what < 0.77
                else b"<style>@import " + self.style() + b"</style>"
                if what < 0.8
                else pick(_PIECES)
            )
        page = b"".join(parts)
        while chance() < 0.5:
            page = self._mutated(page)
        return page

    def tag(self) -> bytes:
        """A start or end tag with attributes in any writing."""
        chance, pick = self._random.random, self._random.choice
        name = pick(_NAMES)
        if chance() < 0.1:
            name = name.upper()
        if chance() < 0.25:
            return b"</" + name + b">"
        parts = [b"<", name]
        for _ in range(self._random.randint(0, 3)):
            value = self._value()
            quote = pick((b'"', b"'", b"", b""))
            if not quote:
                value = value.replace(b" ", b"") or b"x"
            equals = pick((b"=", b"=", b"=", b" = ", b"=\n"))
            parts += [
                pick((b" ", b" ", b"/", b"\n")),
                pick(_ATTRIBUTES),
                equals,
                quote,
                value,
                quote,
            ]
        parts.append(pick((b">", b">", b">", b"/>", b" >", b" />")))
        return b"".join(parts)

    def address(self) -> bytes:
        """An address that reaches a denied host, its letters spelt as only browsers read them."""
        chance, pick = self._random.random, self._random.choice
        letters = [
            pick((f"&#{ord(one)};", f"&#x{ord(one):x}", "\t" + one, "\n" + one, f"&#{ord(one):05}"))
            if chance() < 0.15
            else one
            for one in pick(_PLAIN)
        ]
        return (pick(("", "", " ", "\x01", "\t", "&#1;")) + "".join(letters)).encode()

    def style(self) -> bytes:
        """The same in a style sheet."""
        chance, pick = self._random.random, self._random.choice
        quote = pick(('"', "'", ""))
        letters = []
        for one in pick(_PLAIN[:-1]).replace("\\", "\\\\"):
            spelt = [f"\\{ord(one):x} ", f"\\{ord(one):06x}", f"\\{ord(one):x}\r\n"]
            spelt += ["\\" + one] if one not in "abcdefx1234567890\n" else []
            spelt += ["\\\n" + one, "\\\f" + one] if quote else []
            letters.append(pick(spelt) if chance() < 0.15 and one != "\\" else one)
        text = f"url({quote}{''.join(letters)}{quote})"
        return text.encode()

    def _value(self) -> bytes:
        what = self._random.random()
        if what < 0.25:
            return self.address()
        if what < 0.35:
            return self.style()
        return self._random.choice(_ADDRESSES if what < 0.75 else _VALUES)

    def _mutated(self, page: bytes) -> bytes:
        chance, pick = self._random.random, self._random.choice
        if not page:
            return page
        at = self._random.randrange(len(page))
        end = min(len(page), at + self._random.randint(1, 6))
        what = chance()
        if what < 0.35:
            return page[:at] + page[end:]
        if what < 0.7:
            return page[:at] + pick(_PIECES) + page[at:]
        if what < 0.85:
            return page[:at] + page[at:end] + page[at:]
        other = self._random.randrange(len(page))
        return page[:at] + page[other : other + 12] + page[at:]
