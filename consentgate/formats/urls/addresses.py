"""Owns where an address leads: the host and path a browser would contact, however it is written.

Follows the WHATWG URL parser for the special schemes: stripped tabs and line breaks, backslashes,
missing slashes, user names, ports, percent-encoded and international hosts, numeric addresses,
dot segments. Never knows who a host belongs to.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from consentgate.memo import remember, up_to

MAX_PATH_CHARS = 4_096
"""What is looked at of a path: no prefix in a policy is longer."""

_MAX_REMEMBERED_CHARS = 300
"""Longer hosts are not remembered."""
_STRIPPED = "".join(map(chr, range(0x21)))
_REMOVED = {ord(char): None for char in "\t\n\r"}
_BREAK = re.compile(r"[\t\n\r]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SPECIAL = frozenset(("http:", "https:", "ws:", "wss:", "ftp:"))
_AUTHORITY = re.compile(r"[^/\\?#]*")
_PATH = re.compile(r"[^?#]*")
_LABEL = r"""[a-z0-9_!"$&'()*+,;=`{}~-]+"""
"""What a browser looks up is more than names may hold (URL, forbidden domain code points)."""
_PLAIN_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_UNRESERVED = re.compile(r"%(2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
_FULL_STOPS = re.compile("[\u3002\uff0e\uff61]")
_IGNORED = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2064\u206a-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0100-\U000e01ef]"
)
"""What UTS 46 leaves out."""
_LATER = {
    0xA7F1: "s",
    **{0x1CCD6 + letter: chr(0x61 + letter) for letter in range(26)},
    **{0x1CCF0 + digit: chr(0x30 + digit) for digit in range(10)},
}
"""Compatibility characters of Unicode 16 and 17: Python's own table may be older."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request would go."""

    host: str
    """Lower-case ASCII (IDNA), without user name, port and trailing dot."""
    path: str
    """Starts with ``/``; dot segments resolved, unreserved characters decoded; no query."""
    query: str = ""
    """What stands behind the question mark, as it stands there."""


def address_of(url: str, base: Address | None = None) -> Address | None:
    """Say where an address leads.

    Args:
        url: the address as it stands, character references already decoded.
        base: what relative addresses are resolved against; None leaves them unresolved.

    Returns:
        None for a relative address without ``base``, for one that contacts no host
        (``data:``, ``javascript:``, ``#part``) and for one a browser refuses.
    """
    url = _plain(url)
    scheme = _SCHEME.match(url)
    if scheme is not None:
        if scheme[0].lower() not in _SPECIAL:
            return None
        rest = url[scheme.end() :].lstrip("/\\")
    elif url[:1] in ("/", "\\") and url[1:2] in ("/", "\\"):
        rest = url.lstrip("/\\")
    else:
        return _relative(url, base) if base is not None else None
    authority = _AUTHORITY.match(rest)[0]  # type: ignore[index]  # matches the empty text too
    host = canonical_host(_host_part(authority))
    start = len(authority)
    return _at(host, rest[start : start + MAX_PATH_CHARS]) if host else None


def _at(host: str, rest: str) -> Address:
    query = rest.partition("#")[0].partition("?")[2] if "?" in rest else ""
    return Address(host, _path(rest), query)


def _plain(url: str) -> str:
    """Without what browsers leave out: white space around it, line breaks anywhere."""
    url = url.strip(_STRIPPED)
    return url.translate(_REMOVED) if _BREAK.search(url) else url


def decodings(raw: bytes) -> tuple[str, ...]:
    """What bytes of a page may say: UTF-8; where they are not, also Latin-1."""
    try:
        return (raw.decode(),)
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), raw.decode("latin-1")


def scheme_of(url: str) -> str:
    """The scheme in lower case with its colon; empty for a relative address."""
    found = _SCHEME.match(_plain(url))
    return found[0].lower() if found is not None else ""


def _relative(url: str, base: Address) -> Address | None:
    url = url[:MAX_PATH_CHARS]
    if not url or url[0] in "#?":
        return Address(base.host, base.path)
    if url[0] in "/\\":
        return _at(base.host, url)
    return _at(base.host, base.path.rpartition("/")[0] + "/" + url)


def _host_part(authority: str) -> str:
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _path(text: str) -> str:
    path = _PATH.match(text)[0]  # type: ignore[index]  # matches the empty text too
    if "\\" in path:
        path = path.replace("\\", "/")
    if "%" in path:
        path = _UNRESERVED.sub(lambda found: unquote(found[0]), path)
    if "/." in path:
        path = _without_dots(path)
    return path if path.startswith("/") else "/" + path


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/")[1:]:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/" + "/".join(kept)


@remember(4_096, is_small=up_to(_MAX_REMEMBERED_CHARS))
def canonical_host(host: str) -> str:
    """The host as a browser looks it up; empty where it refuses it.

    ``ＥＶＩＬ｡example.`` is ``evil.example``, ``0x7f.1`` is ``127.0.0.1``.
    """
    if "%" in host:
        host = unquote_to_bytes(host).decode("utf-8", "replace")
    host = host.lower()
    if not host.isascii():
        host = _to_ascii(host)
    host = host.rstrip(".")
    if host.startswith("["):
        return host
    if not _PLAIN_HOST.fullmatch(host):
        return ""
    return _ipv4(host) if _NUMBER.fullmatch(host.rpartition(".")[2]) else host


def _to_ascii(host: str) -> str:
    """Map as UTS 46 does (non-transitional), label by label."""
    dotted = _FULL_STOPS.sub(".", host.translate(_LATER))
    mapped = _IGNORED.sub("", unicodedata.normalize("NFKC", dotted).lower())
    mapped = unicodedata.normalize("NFC", _FULL_STOPS.sub(".", mapped))
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii", "ignore")
        for label in mapped.split(".")
    )


def _ipv4(host: str) -> str:
    """Dotted decimal of any notation browsers take; empty where there is no such address."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return ""
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return ""
    room = 256 ** (5 - len(numbers))
    if numbers[-1] >= room or any(number > 255 for number in numbers[:-1]):
        return ""
    value = numbers[-1]
    for place, number in enumerate(numbers[:-1]):
        value += number * 256 ** (3 - place)
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _number(part: str) -> int:
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)


_SRCSET_URL = re.compile(r"[\t\n\f\r ,]*([^\t\n\f\r ]+)")
_DESCRIPTORS = re.compile(r"(?:[^(,]|\([^)]*(?:\)|$))*,?")


def of_srcset(value: str) -> Iterator[str]:
    """Every address of a ``srcset`` or ``imagesrcset`` (WHATWG HTML, 4.8.4.2)."""
    position = 0
    while found := _SRCSET_URL.match(value, position):
        url = found[1]
        position = found.end()
        if url.endswith(","):
            yield url.rstrip(",")
            continue
        yield url
        rest = _DESCRIPTORS.match(value, position)
        position = rest.end() if rest is not None else position


def of_data(url: str) -> tuple[str, list[str]]:
    """Media type and what the content of a ``data:`` address may say.

    Browsers differ on where ``base64`` has to stand. Text in UTF-16 is read without its zeros.
    """
    head, _, payload = _plain(url)[5:].partition(",")
    bodies = [unquote_to_bytes(payload)]
    if "base64" in head.lower():
        bodies.append(_of_base64(bodies[0]))
    bodies += [body.replace(b"\0", b"") for body in bodies if b"\0" in body]
    return head.partition(";")[0].strip().lower(), [
        body.decode("utf-8", "replace") for body in bodies
    ]


def _of_base64(text: bytes) -> bytes:
    """Whatever else stands in it, and with or without its padding."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


_REFRESH = re.compile(
    r"[\t\n\f\r ]*[0-9.]*[\t\n\f\r ]*[;,]?[\t\n\f\r ]*(?:url[\t\n\f\r ]*=[\t\n\f\r ]*)?"
    r"(?:\"([^\"]*)|'([^']*)|(.*))",
    re.IGNORECASE | re.DOTALL,
)


def of_refresh(content: str) -> str:
    """The address of a ``Refresh`` (WHATWG HTML, 4.2.5.3); empty where it has none."""
    found = _REFRESH.match(content)
    return next((part for part in found.groups() if part), "") if found is not None else ""


_IN_TEXT = re.compile(
    r"(?:\b[A-Za-z]{2,5}:)?[/\\]{2,}[^\s\"'`()<>\\]+|\b(?i:https?|wss?|ftp):[^\s\"'`()<>\\]+"
)


_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def in_json(text: str) -> str:
    """A text of JSON with the characters that are written by number."""
    return _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def in_text(text: str) -> Iterator[str]:
    """Everything in a script or a text that reads as an absolute address."""
    for found in _IN_TEXT.finditer(text.replace("\\/", "/")):
        yield found[0]


_CSS_ESCAPED = rb"\\[0-9a-fA-F]{1,6}+(?>\r\n|[\t\n\f\r ]|)|\\\r\n|\\[^0-9a-fA-F]"
_CSS_TEXTS = {
    mark: rb"(?>(?:" + _CSS_ESCAPED + rb"|[^\\\n\f\r" + stops + rb"])*)"
    for mark, stops in ((b'"', b'"'), (b"'", b"'"), (b"\\(", rb"\"'()\t "))
}
"""What can follow each mark that an address can stand after."""
_CSS_CANDIDATE = re.compile(
    b"|".join(mark + rb"[\t\n\f\r ]*+(?=(" + text + rb"))" for mark, text in _CSS_TEXTS.items())
)
_CSS_LEADING = re.compile(
    rb"(?=.[\x00-\x20]*+(?:[/\\hHwWfF]|[dD](?!ata:[^tT,\\\x00-\x20])|\Z))(?:"
    + b"|".join(mark + rb"[\t\n\f\r ]*+" + text for mark, text in _CSS_TEXTS.items())
    + rb")(?:\\\Z)?",
    re.DOTALL,
)
"""What stands after a mark, if it may lead to a host."""
_BACKSLASH = 0x5C
_MOST_MARKS = 64
"""Strings that begin inside one another are followed back so often."""
_CSS_ESCAPE = re.compile(
    r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|\r\n|[\n\f\r]|(.))", re.DOTALL
)


def in_css(sheet: bytes) -> Iterator[tuple[int, str]]:
    """What may be an address in a style sheet: its place in the bytes, and its text.

    Looks at what follows each quotation mark and opening parenthesis, whatever function or
    at-rule it stands in; escapes are decoded (CSS Syntax 3, 4.3.7).
    """
    for found in _CSS_CANDIDATE.finditer(sheet):
        if _is_escaped(sheet, found.start()):
            continue
        group = found.lastindex or 0
        for text in decodings(found[group]):
            yield found.start(group), _CSS_ESCAPE.sub(_css_char, text) if "\\" in text else text


def css_cut(sheet: bytes) -> int:
    """Where a sheet may be cut before the first address that may go on after its end.

    -1: nothing goes on. No address that begins before the place reaches beyond it: what is a string
    in one reading may begin inside another (``"//u'v@host"``).
    """
    cut = _leading(sheet, len(sheet), len(sheet))
    if cut < 0 and _is_escaped(sheet, len(sheet)):
        return len(sheet) - 1
    for _ in range(_MOST_MARKS):
        before = _leading(sheet, cut, cut + 1) if cut > 0 else -1
        if before < 0:
            return cut
        cut = before
    return next(at for at, byte in enumerate(sheet) if byte in b"\"'(")


def _leading(sheet: bytes, before: int, end: int) -> int:
    """The first of the last marks of each kind whose text reaches an end; -1: none does."""
    places = [
        at
        for at in (_last(sheet, mark, before) for mark in (b'"', b"'", b"("))
        if at >= 0 and (text := _CSS_LEADING.match(sheet, at)) is not None and text.end() >= end
    ]
    return min(places, default=-1)


def _last(sheet: bytes, mark: bytes, before: int) -> int:
    """Where the last mark is that is no part of an escape; -1: there is none."""
    at = sheet.rfind(mark, 0, before)
    while at > 0 and _is_escaped(sheet, at):
        at = sheet.rfind(mark, 0, at)
    return at


def _is_escaped(sheet: bytes, at: int) -> bool:
    """Whether an odd number of backslashes stands right before."""
    start = at
    while start and sheet[start - 1] == _BACKSLASH:
        start -= 1
    return (at - start) % 2 == 1


def _css_char(found: re.Match[str]) -> str:
    if found[1]:
        point = int(found[1], 16)
        return chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"
    return found[2] or ""
