"""Odd cookie lines and fields: what a browser makes of them (RFC 6265bis 5.6, 5.7, 4.2.2).

The cases are our own, after the kinds that the http-state working group tested browsers with:
attributes, values, spacing, order, names, dates, control characters.
"""

from __future__ import annotations

import pytest

from consentgate.domain.regimes import UNKNOWN
from consentgate.domain.signals import NONE
from consentgate.formats import cookies
from consentgate.gates.cookies.response import may_set
from consentgate.gates.outcomes import Outcomes
from consentgate.gates.plan import Plan
from consentgate.gates.visitors.visitor import Visitor
from tests.policies import SHOP

NOW = 1_790_000_000

# A Set-Cookie line, and the name a browser stores it under; "" is nameless or not stored
LINES: list[tuple[bytes, bytes]] = [
    # plain
    (b"foo=bar", b"foo"),
    (b"foo=", b"foo"),
    (b"foo=bar; Path=/; Secure; HttpOnly", b"foo"),
    # equals signs
    (b"foo=bar=baz", b"foo"),
    (b"foo==", b"foo"),
    (b"foo", b""),
    (b"=foo", b""),
    (b"==foo", b""),
    (b"=", b""),
    # spacing
    (b" foo=bar", b"foo"),
    (b"foo =bar", b"foo"),
    (b"\t foo \t=\t bar", b"foo"),
    (b"foo bar=baz", b"foo bar"),
    (b"foo= bar ;Path = /", b"foo"),
    # semicolons
    (b"foo=bar;", b"foo"),
    (b"foo=bar;;;baz", b"foo"),
    (b";foo=bar", b""),
    (b"; ; foo=bar", b""),
    (b"", b""),
    (b";", b""),
    # quotes and separators mean nothing
    (b'foo="a; b"', b"foo"),
    (b'"foo"=bar', b'"foo"'),
    (b"foo,bar=baz", b"foo,bar"),
    (b"foo=a,b=c", b"foo"),
    (b"$Version=1; foo=bar", b"$Version"),
    # names that look like attributes
    (b"Path=/", b"Path"),
    (b"Max-Age=0", b"Max-Age"),
    (b"Expires=Thu, 01 Jan 1970 00:00:00 GMT", b"Expires"),
    # case, prefixes, other alphabets
    (b"FOO=bar", b"FOO"),
    (b"__Host-foo=bar; Secure; Path=/", b"__Host-foo"),
    (b"=__Host-foo=bar", b""),
    ("ключ=значение".encode(), "ключ".encode()),
    (b"\xff\xfe=1", b"\xff\xfe"),
    (b"foo\x00bar=1", b"foo\x00bar"),
]


@pytest.mark.requirement("CKE-12", "CKE-11")
@pytest.mark.parametrize(("line", "name"), LINES)
def test_the_name_of_a_line(line: bytes, name: bytes) -> None:
    """Up to the first equals sign before the first semicolon, without space and tab around it."""
    assert cookies.set_cookie_name(line) == name


@pytest.mark.requirement("CKE-12")
@pytest.mark.parametrize(("line", "name"), LINES)
def test_no_odd_line_is_taken_for_a_declared_one(line: bytes, name: bytes) -> None:
    """Nobody declared any of them: none passes, but one that only removes its cookie."""
    outcome = Outcomes(Plan(SHOP)).of(Visitor(UNKNOWN, NONE, None), NOW)
    assert may_set(line, outcome, NOW, []) is False
    removal = line + b"; Max-Age=0"
    assert may_set(removal, outcome, NOW, []) is True


# A Cookie field, and the names in it as the server may tell them apart
FIELDS: list[tuple[bytes, list[bytes]]] = [
    (b"foo=bar", [b"foo"]),
    (b"foo=bar; baz=qux", [b"foo", b"baz"]),
    (b"foo=bar;baz=qux", [b"foo", b"baz"]),
    (b"foo=1; foo=2; FOO=3", [b"foo", b"foo", b"FOO"]),
    (b"foo", [b""]),
    (b"foo; bar=1", [b"", b"bar"]),
    (b"=foo; bar=1", [b"", b"bar"]),
    (b'foo="a; bar=1"', [b"foo", b"bar"]),
    (b"foo=a, bar=1", [b"foo"]),
    (b"foo=bar;", [b"foo"]),
    (b";;foo=bar;; ;baz", [b"foo", b""]),
    (b"$Version=1; foo=bar; $Path=/", [b"$Version", b"foo", b"$Path"]),
    (b"\tfoo\t=bar", [b"foo"]),
    (b"foo=\x00\x01; bar=\x7f", [b"foo", b"bar"]),
    ("ключ=1; 名=2".encode(), ["ключ".encode(), "名".encode()]),
    (b"a=%3B; b=%20", [b"a", b"b"]),
]


@pytest.mark.requirement("CKE-12")
@pytest.mark.parametrize(("field", "names"), FIELDS)
def test_the_names_in_a_field(field: bytes, names: list[bytes]) -> None:
    """Semicolons alone divide; what has no equals sign has no name."""
    assert [name for name, _ in cookies.pairs(field)] == names


# Dates as servers have written them (RFC 6265bis 5.1.1); None: a browser ignores the attribute
DATES: list[tuple[bytes, int | None]] = [
    (b"Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    (b"Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
    (b"Sun Nov  6 08:49:37 1994", 784_111_777),
    (b"Sun, 6 NOV 1994 8:49:37 UTC", 784_111_777),
    (b"1994 06 November 08:49:37", 784_111_777),
    (b"94 06 Nov 08:49:37", None),  # two digits come first as the day, 06 is then 2006: 94 November
    (b"08:49:37 06 Nov 1994", 784_111_777),
    (b"06 Nov 1994 08:49:37 +0200", 784_111_777),
    (b"06 Nov 1994 08:49:37pm", 784_111_777),
    (b"29 Feb 2024 00:00:00", 1_709_164_800),
    (b"29 Feb 2023 00:00:00", None),
    (b"06 Nov 69 00:00:00", 3_150_921_600),
    (b"06 Nov 70 00:00:00", 26_697_600),
    (b"06 Nov 1994", None),
    (b"08:49:60 06 Nov 1994", None),
    (b"00 Nov 1994 08:49:37", None),
    (b"06 Foo 1994 08:49:37", None),
    (b"-1", None),
    (b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
    (b"Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
]


@pytest.mark.requirement("CKE-12", "CKE-10")
@pytest.mark.parametrize(("text", "seconds"), DATES)
def test_a_date(text: bytes, seconds: int | None) -> None:
    """Whatever order it is in; zones are ignored, it is GMT."""
    assert cookies.cookie_date(text) == seconds
