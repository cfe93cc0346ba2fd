"""Where addresses lead, however they are written (WHATWG URL)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.urls import addresses as urls
from consentgate.formats.urls.addresses import Address, address_of

HOST = "ads.example"

SAME = [
    # plain
    "https://ads.example/x",
    "http://ads.example/x?y#z",
    "//ads.example/x",
    "HTTPS://ADS.Example/x",
    "wss://ads.example/x",
    # ports, user names, trailing dots
    "https://ads.example:8443/x",
    "https://user:secret@ads.example/x",
    "https://ok.example@ads.example/x",
    "https://a@b@ads.example/x",
    "https://ads.example./x",
    "https://o'k\"<>ay@ads.example/x",
    # slashes: too few, too many, backslashes
    "https:ads.example/x",
    "https:/ads.example/x",
    "https:////ads.example/x",
    "https:\\\\ads.example\\x",
    "\\\\ads.example/x",
    "/\\ads.example/x",
    "///ads.example/x",
    "https://ads.example\\x",
    # white space around, tabs and line breaks within
    "  \t\n//ads.example/x ",
    "\x01\x1f//ads.example/x",
    "ht\ntps://ads.example/x",
    "/\t/ads.example/x",
    "//ads\n.exa\rmple/x",
    # percent-encoded, full-width, invisible
    "//%61ds.%65xample/x",
    "//ads%2Eexample/x",
    "//ＡＤＳ.example/x",
    "//ads。example/x",
    "//ads｡example/x",
    "//a\u00adds.example/x",
    "//ads\u200b.example/x",
    "//a\u3164ds\U000e0101.example/x",
    "//\U0001ccd6d\ua7f1.example/x",
    # the path
    "//ads.example/./x",
    "//ads.example/y/../x",
    "//ads.example/y/%2e%2E/x",
    "//ads.example/%78",
]


@pytest.mark.requirement("STO-01")
@pytest.mark.parametrize("url", SAME)
def test_every_spelling_leads_to_the_same_place(url: str) -> None:
    """One host, one path, however it is written."""
    found = address_of(url)
    assert found is not None
    assert (found.host, found.path) == (HOST, "/x")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        # international names, as ASCII
        ("//bücher.example", "xn--bcher-kva.example"),
        ("//BÜCHER.example", "xn--bcher-kva.example"),
        ("//xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("//straße.example", "xn--strae-oqa.example"),
        ("//b%C3%BCcher.example", "xn--bcher-kva.example"),
        # numeric hosts
        ("//127.0.0.2:80/", "127.0.0.2"),
        ("//127.2/", "127.0.0.2"),
        ("//0x7f.0.0.2/", "127.0.0.2"),
        ("//2130706434/", "127.0.0.2"),
        ("//0177.0.0.2/", "127.0.0.2"),
        ("//1.2.3.0x", "1.2.3.0"),
        ("//[::1]:80/", "[::1]"),
        # what no owner of a host can name, but those below it
        ("//a!b~*.ads.example", "a!b~*.ads.example"),
        ("//\u249c.ads.example", "(a).ads.example"),
        # what looks like another host
        ("//ok.example?@ads.example/", "ok.example"),
        ("//ok.example#@ads.example/", "ok.example"),
        ("//ok.example/@ads.example/", "ok.example"),
        ("//ok.example\\@ads.example/", "ok.example"),
    ],
)
def test_hosts_are_named_as_they_are_looked_up(url: str, host: str) -> None:
    """IDNA, IPv4 in any base, and the right end of the authority."""
    address = address_of(url)
    assert address is not None
    assert address.host == host


@pytest.mark.parametrize(
    "url",
    ["", "/x", "x", "?x", "#x", "data:,//ads.example", "javascript:1", "mailto:a@ads.example",
     "about:blank", "https://", "//a b.example/", "//ads.example<", "//256.1.1.1.1",
     "//0x1ffffffff/", "//09.1/"],
)  # fmt: skip
def test_what_contacts_no_host(url: str) -> None:
    """Relative addresses, other schemes, and what a browser refuses."""
    assert address_of(url) is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("x", "/tag/x"),
        ("../x", "/x"),
        ("/x", "/x"),
        ("?q", "/tag/a"),
        ("#f", "/tag/a"),
        ("", "/tag/a"),
    ],
)
def test_relative_addresses_follow_a_base(url: str, path: str) -> None:
    """Where the page names another host as its base."""
    found = address_of(url, Address("b.example", "/tag/a"))
    assert found is not None
    assert (found.host, found.path) == ("b.example", path)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("//a/x 1x, //b/y 2x", ["//a/x", "//b/y"]),
        ("//a/x,//b/y", ["//a/x,//b/y"]),
        ("//a/x, //b/y", ["//a/x", "//b/y"]),
        ("//a/x 1x,//b/y", ["//a/x", "//b/y"]),
        (", ,//a", ["//a"]),
        ("//a (,) 1x, //b", ["//a", "//b"]),
        ("//a 1x),//b 2x", ["//a", "//b"]),
        ("data:image/gif;base64,AAAA 1x, //b 2x", ["data:image/gif;base64,AAAA", "//b"]),
        ("", []),
    ],
)
def test_candidates_of_a_srcset(value: str, found: list[str]) -> None:
    """Commas end a candidate only after white space (WHATWG HTML, 4.8.4.2)."""
    assert list(urls.of_srcset(value)) == found


@pytest.mark.parametrize(
    ("content", "url"),
    [
        ("0;url=//a", "//a"),
        ("5; URL = '//a' x", "//a"),
        ('0,"//a"', "//a"),
        ("0;//a", "//a"),
        (".5;url=//a", "//a"),
        ("5", ""),
        ("", ""),
    ],
)
def test_where_a_refresh_leads(content: str, url: str) -> None:
    """With and without ``url=``, quoted or not."""
    assert urls.of_refresh(content) == url


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        (b"@import '//a/x';", ["//a/x"]),
        (b'@import url( "//a/x" ) print;', ["//a/x"]),
        (b"b{c:url(//a/x)}", ["//a/x"]),
        (b"b{c:URL(//a/x),u\\72l('//b')}", ["//a/x", "//b"]),
        (b"b{c:image-set('//a' 1x, \"//b\" 2x)}", ["//a", "//b"]),
        (b"b{c:url(\\2f\\2f ads\\2e example)}", ["//ads.example"]),
        (b"b{c:url('//a\\\n.b')}", ["//a.b"]),
    ],
)
def test_addresses_of_a_style_sheet(sheet: bytes, found: list[str]) -> None:
    """Every string and function argument that can be one, escapes decoded."""
    assert [url for _, url in urls.in_css(sheet) if address_of(url)] == found


def test_addresses_in_a_program() -> None:
    """Anything absolute, also with escaped slashes."""
    text = r'{"a":"https:\/\/a.example\/x"} new Image().src="//b.example/y"'
    hosts = [address.host for url in urls.in_text(text) if (address := address_of(url))]
    assert hosts == ["a.example", "b.example"]


@given(st.text(max_size=60), st.sampled_from(["", "//", "https://", "\\\\", "data:;base64,"]))
def test_nothing_raises(text: str, start: str) -> None:
    """Any text is an address or is not; what comes out is canonical already."""
    url = start + text
    address = address_of(url)
    if address is not None and not address.host.startswith("["):
        assert urls.canonical_host(address.host) == address.host
        assert address.host == address.host.lower()
        assert address.path.startswith("/")
    urls.of_data(url)
    list(urls.of_srcset(url))
    urls.of_refresh(url)
    list(urls.in_text(url))
    list(urls.in_css(url.encode("utf-8", "replace")))
