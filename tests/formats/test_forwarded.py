"""Whose request it is behind proxies: from the right, through trusted hops only."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.headers.forwarded import Networks, client_address, sole_header

TRUSTED = Networks(["10.0.0.0/8", "::1/128", "2001:db8:1::/48"])
XFF, RFC = b"x-forwarded-for", b"forwarded"
PROXY = "10.0.0.1"

CASES = [
    # peer, header, values, client
    ("8.8.8.8", XFF, [], "8.8.8.8"),
    ("8.8.8.8", XFF, [b"1.1.1.1"], "8.8.8.8"),  # nobody vouches for what it says
    ("::ffff:8.8.8.8", XFF, [b"1.1.1.1"], "8.8.8.8"),
    (PROXY, XFF, [], None),
    (PROXY, XFF, [b"1.1.1.1"], "1.1.1.1"),
    ("::ffff:10.0.0.1", XFF, [b"1.1.1.1"], "1.1.1.1"),
    ("::1", XFF, [b"1.1.1.1"], "1.1.1.1"),
    ("2001:db8:1::7", XFF, [b"2001:db8:2::1"], "2001:db8:2::1"),
    (PROXY, XFF, [b"6.6.6.6, 1.1.1.1"], "1.1.1.1"),  # the left is what the client wrote
    (PROXY, XFF, [b"6.6.6.6, 1.1.1.1, 10.9.9.9"], "1.1.1.1"),
    (PROXY, XFF, [b"6.6.6.6", b"1.1.1.1, 10.9.9.9"], "1.1.1.1"),
    (PROXY, XFF, [b"6.6.6.6, 1.1.1.1", b"10.9.9.9"], "1.1.1.1"),
    (PROXY, XFF, [b"10.1.1.1, 10.9.9.9"], None),
    (PROXY, XFF, [b"1.1.1.1:4711"], "1.1.1.1"),
    (PROXY, XFF, [b"[2001:db8:2::1]:4711"], "2001:db8:2::1"),
    (PROXY, XFF, [b"fe80::1%eth0"], "fe80::1"),
    (PROXY, XFF, [b"::ffff:1.1.1.1"], "1.1.1.1"),
    (PROXY, XFF, [b"1.1.1.1, unknown"], None),
    (PROXY, XFF, [b"1.1.1.1, "], None),
    (PROXY, XFF, [b"1.1.1.1, 010.1.1.1"], None),
    (PROXY, XFF, [b"1.1.1.1, 1.1.1.1.1"], None),
    (PROXY, XFF, [b"1.1.1.1, <script>"], None),
    (PROXY, XFF, [b"1.1.1.1," * 8_192], None),
    (PROXY, XFF, [b"1.1.1.1, " + b"9" * 65_536], None),
    (PROXY, XFF, [b"1.1.1.1, " + b"10.0.0.1," * 7_000 + b"10.0.0.1"], None),
    ("testclient", XFF, [b"1.1.1.1"], None),
    ("", XFF, [b"1.1.1.1"], None),
    ("8.8.8.8%eth0", XFF, [], "8.8.8.8"),
    # RFC 7239
    (PROXY, RFC, [b"for=1.1.1.1"], "1.1.1.1"),
    (PROXY, RFC, [b"For=1.1.1.1;proto=https;by=10.0.0.1"], "1.1.1.1"),
    (PROXY, RFC, [b'for="[2001:db8:2::1]:4711"'], "2001:db8:2::1"),
    (PROXY, RFC, [b'for="1.1.1.1:80", for=10.9.9.9'], "1.1.1.1"),
    (PROXY, RFC, [b"for=6.6.6.6", b"for=1.1.1.1"], "1.1.1.1"),
    (PROXY, RFC, [b'for="6.6.6.6, for=1.1.1.1'], "1.1.1.1"),  # an open quote hides nothing
    (PROXY, RFC, [b'for=1.1.1.1;host="a,b", for=10.9.9.9;host="c,d"'], "1.1.1.1"),
    (PROXY, RFC, [b"for=_hidden"], None),
    (PROXY, RFC, [b"for=unknown"], None),
    (PROXY, RFC, [b"proto=https"], None),
    (PROXY, RFC, [b"for=1.1.1.1;for=2.2.2.2"], None),
    (PROXY, RFC, [b'for="1.1.1.1'], None),
    (PROXY, RFC, [b'"' * 65_536], None),
    # one address alone
    (PROXY, b"cf-connecting-ip", [b"1.1.1.1"], "1.1.1.1"),
]


@pytest.mark.parametrize(("peer", "name", "values", "client"), CASES)
def test_whose_request_it_is(
    peer: str, name: bytes, values: list[bytes], client: str | None
) -> None:
    """Trusted hops are walked from the right; the first other address counts, or nobody."""
    headers = [(b"Host", b"x"), *((name.title(), value) for value in values)]
    expected = ip_address(client.partition("%")[0]).packed if client else None
    assert client_address(peer, headers, name, TRUSTED) == expected


def test_only_the_named_header_is_read() -> None:
    """A client may send the other one; the proxy does not write it, so it says nothing."""
    headers = [(RFC, b"for=6.6.6.6"), (XFF, b"1.1.1.1")]
    assert client_address(PROXY, headers, XFF, TRUSTED) == bytes([1, 1, 1, 1])


def test_a_unix_socket_can_be_trusted() -> None:
    """Its peer has no address; it is believed only where the policy says so."""
    headers = [(XFF, b"1.1.1.1")]
    assert client_address("", headers, XFF, Networks(["unix"])) == bytes([1, 1, 1, 1])
    assert client_address("8.8.8.8", headers, XFF, Networks(["unix"])) == bytes([8, 8, 8, 8])
    assert client_address("", headers, XFF, Networks([])) is None


def test_a_header_said_twice_says_nothing() -> None:
    """A proxy writes its header once; a second one came from somewhere else."""
    assert sole_header([(b"CF-IPCountry", b" DE ")], b"cf-ipcountry") == "DE"
    assert sole_header([(b"cf-ipcountry", b"DE"), (b"cf-ipcountry", b"US")], b"cf-ipcountry") == ""
    assert sole_header([], b"cf-ipcountry") == ""


@given(st.lists(st.binary(max_size=80) | st.text(max_size=80).map(str.encode), max_size=4))
def test_nothing_raises(values: list[bytes]) -> None:
    """Any bytes at all, in either header."""
    for name in (XFF, RFC):
        found = client_address(PROXY, [(name, value) for value in values], name, TRUSTED)
        assert found is None or len(found) in (4, 16)
