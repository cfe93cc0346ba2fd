"""Paths and query values lose what could point to a person."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.formats.urls import scrubbing as paths
from consentgate.formats.urls.scrubbing import (
    has_click_id,
    kept_query,
    scrubbed_path,
    scrubbed_value,
)


@pytest.mark.requirement("LOG-17")
@pytest.mark.parametrize(
    ("path", "scrubbed"),
    [
        # by what the segment before says
        ("/user/42/reset/abc", "/user/{id}/reset/{token}"),
        ("/users/jane-doe/settings", "/users/{id}/settings"),
        ("/account/settings", "/account/settings"),
        ("/auth/callback", "/auth/{token}"),
        ("/@jane.doe/posts", "/{id}/posts"),
        # by what it looks like
        ("/mail/jane@example.com", "/mail/{email}"),
        ("/mail/jane%40example.com", "/mail/{email}"),
        ("/mail/jane%2540example.com", "/mail/{email}"),
        ("/f/0b0e7a80-66ff-11ee-8c99-0242ac120002", "/f/{uuid}"),
        ("/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w", "/t/{token}"),
        ("/h/d41d8cd98f00b204e9800998ecf8427e", "/h/{token}"),
        ("/s/sk-1a2b3c4d5e6f7g8h9i0j", "/s/{token}"),
        ("/from/192.0.2.77", "/from/{ip}"),
        ("/from/2001:db8::7", "/from/{ip}"),
        ("/call/+49 170 1234567", "/call/{phone}"),
        ("/item/1234567", "/item/{phone}"),
        ("/item/12345", "/item/{n}"),
        ("/call/555 - 123 - 4567", "/call/{phone}"),
        ("/call/555_123_4567", "/call/{phone}"),
        ("/call/+49–176–1234567", "/call/{phone}"),
        ("/mail/jane＠example.com", "/mail/{email}"),
        ("/mail/jane%EF%BC%A0example.com", "/mail/{email}"),
        ("/a？token=secret", "/a"),
        # what stays hidden to the end is hidden
        ("/mail/jane%252525252540example.com", "/mail/{token}"),
        ("/mail/jane%u0040example.com", "/mail/{token}"),
        # what is kept
        ("/blog/2024/10/a-post-about-42-things", "/blog/2024/10/a-post-about-42-things"),
        ("/products/blue-chair", "/products/blue-chair"),
        ("/a?token=secret#frag", "/a"),
        ("/a%3Ftoken=secret", "/a"),
        ("/a;jsessionid=77/b", "/a/b"),
    ],
)
def test_a_path_loses_identifiers(path: str, scrubbed: str) -> None:
    """What points to somebody is replaced; the rest stays readable."""
    assert scrubbed_path(path) == scrubbed


@pytest.mark.requirement("LOG-07")
@pytest.mark.parametrize("path", ["/%0d%0aGET", "/\x1b[31mred", "/a\x00b", "/\u202egpj", "/\x85x"])
def test_no_control_character_stays(path: str) -> None:
    """Nothing of a path can forge or colour a line."""
    assert scrubbed_path(path).isprintable()


@given(st.text(max_size=400))
def test_scrubbing_is_total_and_bounded(path: str) -> None:
    """Any path has an answer of at most 256 printable characters without address or e-mail."""
    scrubbed = scrubbed_path(path)
    assert len(scrubbed) <= 256
    assert scrubbed == "" or scrubbed.isprintable()
    assert not re.search(r"[a-z0-9]@[a-z0-9]|\d{1,3}(\.\d{1,3}){3}|\d{6}", scrubbed)


SEGMENTS = st.lists(
    st.sampled_from(
        [
            "a",
            "abc",
            "1",
            "12345",
            "+49",
            "deadbeef",
            "0b0e7a80",
            "D41D8CD9",
            "@",
            "%40",
            ".",
            "-",
            "_",
            ":",
            ";",
            "é",
            "�",
            "\x1b",
            "＠",
            "٣٣٣",
        ]
    ),
    max_size=6,
)


@given(SEGMENTS)
def test_what_is_seen_at_once_is_what_the_rules_say(parts: list[str]) -> None:
    """Numbers and hexadecimal runs take a short way to the same end."""
    text = "".join(parts)
    plain = "".join(char for char in text if char.isprintable() and char != "\ufffd")
    for pattern, placeholder in paths._RULES:
        plain = pattern.sub(placeholder, plain)
    assert paths._scrubbed(text) == plain


def test_a_hostile_path_is_quick() -> None:
    """Long runs of what patterns look for cost no more than their length."""
    started = time.perf_counter()
    for piece in ("1.", "a-1", "0:", "@", "%25", "+1 ", "a.b_", "("):
        scrubbed_path("/" + piece * 5_000)
        scrubbed_value(piece * 5_000)
    assert time.perf_counter() - started < 0.2


def test_only_declared_query_fields_are_kept() -> None:
    """The rest of a query is dropped, and the kept values are scrubbed."""
    allowed = frozenset(("utm_source", "utm_campaign", "gclid"))
    query = b"utm_source=news&email=a%40b.de&utm_campaign=a%40b.de&gclid=abc&utm_source=again"
    assert kept_query(query, allowed) == {"utm_source": "news", "utm_campaign": "{email}"}


@pytest.mark.parametrize(
    ("query", "is_paid"),
    [(b"gclid=x", True), (b"a=1&fbclid=y", True), (b"id=4", False), (b"", False)],
)
def test_a_click_id_leaves_only_that_it_was_there(query: bytes, is_paid: bool) -> None:
    """Who clicked is dropped; that an advertisement was clicked is kept."""
    assert has_click_id(query) is is_paid
