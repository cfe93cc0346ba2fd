"""The search for places in a page, in Python and compiled: both give the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentgate.formats.html import host_search
from tests.formats.compiled import needed_module
from tests.formats.judges import silent

Found = tuple[list[int], list[int] | None, int]
Search = Callable[[bytes, Mapping[bytes, bool], tuple[bytes, ...]], Found]
JUDGE = silent()


def compiled(data: bytes, hosts: Mapping[bytes, bool], signatures: tuple[bytes, ...]) -> Found:
    """The compiled search."""
    return needed_module("_search").places(data, hosts, signatures)


searches = pytest.mark.parametrize(
    "search", [pytest.param(host_search.places, id="Python"), pytest.param(compiled, id="compiled")]
)

WRITTEN = {
    "slashes": (b"src=//ads.example", [4]),
    "a scheme and slashes": (b"https://ads.example/x", [6]),
    "many slashes": (b"////ads.example", [0]),
    "a line break between": (b"/\n/ads.example", [0]),
    "a user": (b"//ok.example@ads.example", [12]),
    "a backslash": (b'"\\/ads.example', [1]),
    "a scheme alone": (b"HTTPS:ads.example", [5]),
    "a socket": (b"wss:/ads.example", [3]),
    "a page in an address": (b"data:text/html,x", [4]),
    "a slash by number": (b"&#0047;/ads.example", [0]),
    "a slash in hexadecimal": (b"&#x2F/ads.example", [0]),
    "a slash by name": (b"&amp;amp;sol;", [0]),
    "an escaped slash": (b"url(\\00002F", [4]),
    "an escape in a host": (b"//\\61 ds.example", [2]),
    "a mark": (b"<p DATA-Service=x>", [7]),
    "a page in an attribute": (b"<iframe SrcDoc=x>", [8]),
    "another host": (b"//ok.example", []),
    "a scheme and another host": (b"https://ok.example", []),
    "a longer number": (b"&#470;", []),
    "a longer attribute": (b"data-purposes=x", []),
    "another scheme": (b"mailto:ads.example", []),
    "a host after 301 bytes": (b"//" + b"x" * 301 + b"ads.example", []),
    "nothing": (b"", []),
}


@searches
@pytest.mark.parametrize("name", WRITTEN)
def test_a_place_is_found_however_it_is_written(search: Search, name: str) -> None:
    """Each way to write an address that reaches a host, and what only looks like one."""
    data, expected = WRITTEN[name]
    assert search(data, JUDGE.hosts, ())[0] == expected


class _Odd(dict[bytes, bool]):
    """An answer for every host, without a table."""

    def __missing__(self, host: bytes) -> bool:
        return len(host) % 3 == 0


_PARTS = [
    *(bytes([byte]) for byte in b"/\\@:&-=\"'\t\n <>(;,#0a9pstWx\x00\xff"),
    *(b"https:", b"HTTP:", b"ws:", b"data:", b"text/", b"application/", b"image/svg", b"b.example"),
    *(b"&#47;", b"&#0010", b"&#X03a", b"&amp;", b"&Tab;", b"&NewLine;", b"&bsol;", b"&colon;"),
    *(b"\\2f", b"5C", b"data-purpose", b"DATA-Service", b"x" * 301, b"adq(", b"gtm.start"),
    *(b"<svg", b"<MATH", b"/>", b"srcdoc", b"SRC", b"doc"),
]
_SIGNATURES = (b"adq(", b"gtm.start")


@given(st.lists(st.sampled_from(_PARTS) | st.binary(max_size=3), max_size=16).map(b"".join))
@example(b"ftp:\\\\2f")
@example(b"data:\\\n\\#@")
def test_the_compiled_search_gives_the_same_places(data: bytes) -> None:
    """Whatever the bytes: the compiled search is the one in Python, and sees each signature."""
    found, _, drawing = host_search.places(data, _Odd(), _SIGNATURES)
    seen, signed, drawn = compiled(data, _Odd(), _SIGNATURES)
    assert (seen, drawn) == (found, drawing)
    assert bool(signed) == any(one in data for one in _SIGNATURES)


@given(
    st.lists(st.binary(min_size=1, max_size=5), max_size=70),
    st.lists(st.binary(max_size=9), max_size=6).map(b"".join),
    st.data(),
)
def test_no_signature_is_overlooked(
    signatures: list[bytes], data: bytes, chosen: st.DataObject
) -> None:
    """With few or many of them, long or short; no script goes unread that bears one."""
    if signatures:
        at = chosen.draw(st.integers(0, len(data)))
        data = data[:at] + chosen.draw(st.sampled_from(signatures)) + data[at:]
    told = tuple(signatures)
    signed = compiled(data, _Odd(), told)[1]
    ranges = [(data.find(one), len(one)) for one in told if one in data]
    assert signed is None or all(
        any(start <= place < start + length for place in signed) for start, length in ranges
    )


@searches
def test_a_fault_of_the_table_is_not_hidden(search: Search) -> None:
    """What looking a host up raises comes out: the gate fails closed on it."""

    class Faulty(dict[bytes, bool]):
        def __missing__(self, host: bytes) -> bool:
            raise LookupError(host)

    with pytest.raises(LookupError):
        search(b"//ads.example", Faulty(), ())
