"""The leaf: canonical bytes in which a commitment stands for who it was."""

from __future__ import annotations

import json
import uuid

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.events import Event, event_of
from consentgate.formats.proof.canonical import MAX_INTEGER, canonical, parsed
from consentgate.formats.proof.leaves import commitment, has_subject, leaf_of, subject_of
from tests.events import grant, refusal

SALT = bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(VALUES)
def test_it_is_the_canonical_json_of_another_maker(value: object) -> None:
    """Every value is written as the package rfc8785 writes it, and read back as it was."""
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert parsed(canonical(value)) == value


def test_keys_are_sorted_as_the_rfc_shows() -> None:
    """The example of RFC 8785, section 3.2.3: by UTF-16 units, not by code points."""
    given = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical(given)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_text_is_written_as_the_rfc_shows() -> None:
    """The text of RFC 8785, section 3.2.2.2: short escapes, small letters, all else as it is."""
    given = {"string": '\u20ac$\u000f\nA\'B"\\\\"/'}
    assert canonical(given) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), MAX_INTEGER + 1, {1: 2}, "\ud800", b"", {"a": {2}}]
)
def test_what_has_no_one_spelling_is_refused(value: object) -> None:
    """Fractions, numbers that others round, keys that are no text, half characters."""
    with pytest.raises(ValueError):  # noqa: PT011 (UnicodeEncodeError is one of them)
        canonical(value)


def test_circles_and_depth_are_refused() -> None:
    """Neither ends in a crash of the interpreter."""
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="too deep"):
        canonical(circle)
    with pytest.raises(ValueError, match="not canonical"):
        parsed(b"[" * 100_000)


@pytest.mark.parametrize(
    "body", [b'{"b":1,"a":2}', b'{"a": 1}', b'"\\u0041"', b"\xff", b"{", b"1.0"]
)
def test_another_spelling_is_not_read(body: bytes) -> None:
    """Two texts of one meaning have two hashes: only one of them is the leaf."""
    with pytest.raises(ValueError):  # noqa: PT011 (json and this module raise different ones)
        parsed(body)


@given(TEXT, TEXT, st.dictionaries(st.from_regex(r"[a-z0-9_-]+", fullmatch=True), st.booleans()))
def test_an_event_is_written_canonically(site: str, version: str, said: dict[str, bool]) -> None:
    """Whatever the texts of a site: its events are canonical JSON, also to another maker."""
    event = grant(site=site, policy_version=version, purposes=said, services=said)
    assert event.canonical() == canonical(json.loads(event.canonical()))


def test_an_event_without_a_subject_is_its_own_leaf() -> None:
    """A refusal says nothing of who it was, so there is nothing to hide."""
    body = refusal().canonical()
    assert leaf_of(body, None) == leaf_of(body, SALT) == body
    assert not has_subject(body)


def test_a_leaf_says_everything_but_who() -> None:
    """Every field of the event stands in it; the subject is a commitment that the salt opens."""
    event = grant()
    leaf = leaf_of(event.canonical(), SALT)
    assert event.subject.encode() not in leaf
    told, whole = parsed(leaf), json.loads(event.canonical())
    assert told.pop("subject") == commitment(event.subject, SALT)
    assert whole.pop("subject") == subject_of(event.canonical()).decode() == event.subject
    assert told == whole


def test_an_erased_event_is_its_leaf() -> None:
    """What is left after erasure is the leaf itself: it needs no salt, and reads as an event."""
    event = grant()
    leaf = leaf_of(event.canonical(), SALT)
    assert leaf_of(leaf, None) == leaf_of(leaf, SALT) == leaf
    assert has_subject(event.canonical())
    assert not has_subject(leaf)
    assert event_of(leaf).purposes == event.purposes


def test_salts_hide_the_same_subject() -> None:
    """Two events of one subject have nothing in common that tells so."""
    subject = uuid.uuid4().hex
    assert commitment(subject, SALT) != commitment(subject, SALT[::-1])


@given(TEXT, st.sampled_from(["site", "language", "method", "policy_version"]))
def test_no_text_of_a_site_is_taken_for_the_subject(text: str, field: str) -> None:
    """A text that looks like the key, quotes and all, does not move the commitment."""
    event = grant(**{field: f'{text}"subject":"x",{text}'})
    assert parsed(leaf_of(event.canonical(), SALT))["subject"] == commitment(event.subject, SALT)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"subject":1}'])
def test_what_is_no_event_is_its_own_leaf(body: bytes) -> None:
    """Bytes that somebody put in place of an event are hashed as they are, and so are seen."""
    assert leaf_of(body, None) == leaf_of(body, SALT) == body
    assert subject_of(body) == b""


def test_a_subject_needs_its_salt() -> None:
    """Without the salt there is no leaf, and a short salt hides nothing."""
    body = grant().canonical()
    for salt in (None, b"short"):
        with pytest.raises(ValueError, match="missing"):
            leaf_of(body, salt)
    with pytest.raises(ValueError, match="32 bytes"):
        commitment("x", b"short")


def test_a_purpose_named_subject_is_no_subject() -> None:
    """Keys of purposes are the operator's."""
    event: Event = grant(purposes={"subject": True}, services={"subject": False})
    assert subject_of(event.canonical()).decode() == event.subject
