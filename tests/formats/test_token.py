"""The token: compact, signed, rotating; anything wrong with it is no choice, never an error."""

from __future__ import annotations

import base64
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.choices import Choice
from consentgate.domain.policy.fingerprints import Meaning, meaning_of
from consentgate.domain.policy.policy import Service
from consentgate.domain.signals import Signals
from consentgate.formats.token import MAX_BYTES, PayloadReader, TokenCodec
from consentgate.gates.visitors.tokens import TokenReader
from tests.alone import alone
from tests.formats.plain_token import read_plainly
from tests.policies import SHOP

NOW = 1_790_000_000
KEY = b"k" * 32
CODEC = TokenCodec([KEY], audience="shop")
TODAY = meaning_of(SHOP)
OPTIONAL = ("functional", "marketing", "statistics")
GRANTED = dict.fromkeys(OPTIONAL, True)


def choice(**changes: object) -> Choice:
    values: dict[str, object] = {
        "made_at": NOW,
        "purposes": dict.fromkeys(OPTIONAL, False),
    }
    return Choice(**{**values, **changes})  # type: ignore[arg-type]


def read(  # type: ignore[no-untyped-def]
    token: str | bytes, *, now: int = NOW, today: Meaning = TODAY, codec: TokenCodec = CODEC
):
    value = token.encode("latin-1", "replace") if isinstance(token, str) else token
    return TokenReader(codec, {TODAY.hash: TODAY}, today).read((value,), now)


@pytest.mark.requirement("CKE-09")
def test_a_refusal_carries_no_identifier() -> None:
    """Two visitors who refuse in the same second hold the same token."""
    assert CODEC.sign(choice(), TODAY) == CODEC.sign(choice(id="ab" * 16), TODAY)
    assert len(CODEC.sign(choice(), TODAY)) < 70


@given(
    purposes=st.fixed_dictionaries({key: st.booleans() for key in OPTIONAL}),
    services=st.dictionaries(st.sampled_from(["analytics", "ads", "maps"]), st.booleans()),
    told=st.booleans(),
    seen=st.booleans(),
    identity=st.binary(min_size=16, max_size=16),
)
def test_what_was_said_comes_back(
    purposes: dict[str, bool], services: dict[str, bool], told: bool, seen: bool, identity: bytes
) -> None:
    """Purposes, exceptions, signals and the id survive; what repeats a purpose is dropped."""
    said = choice(
        purposes=purposes,
        services=services,
        told=Signals(gpc=told),
        signalled=Signals(dnt=seen),
        id=identity.hex(),
    )
    token = CODEC.sign(said, TODAY)
    found = read(token)
    assert len(token) <= MAX_BYTES
    assert found.purposes == purposes
    implied = {key: all(purposes[p] for p in keys) for key, _, keys in TODAY.services}
    assert found.services == {k: v for k, v in services.items() if v != implied[k]}
    assert (found.told.gpc, found.signalled.dnt) == (told, seen)
    assert found.id == (identity.hex() if said.grants_anything else "")


@pytest.mark.requirement("REC-13", "SEC-01")
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda token: "", id="empty"),
        pytest.param(lambda token: token[:-1], id="signature cut"),
        pytest.param(lambda token: token[:20], id="payload cut"),
        pytest.param(lambda token: token.replace("1", "2", 1), id="unknown version"),
        pytest.param(lambda token: "1" + "A" * 30 + "." + token.partition(".")[2], id="other body"),
        pytest.param(lambda token: token + "=" * 200, id="too long"),
        pytest.param(lambda token: "\x00\xff" * 20, id="not a token"),
        pytest.param(lambda token: "1é." + token, id="not ASCII"),
        pytest.param(
            lambda token: TokenCodec([KEY], audience="other").sign(choice(), TODAY),
            id="another audience (foreign salt)",
        ),
        pytest.param(
            lambda token: TokenCodec([b"x" * 32], audience="shop").sign(choice(), TODAY),
            id="another key",
        ),
        pytest.param(
            lambda token: CODEC.sign(choice(made_at=NOW + 301, purposes=GRANTED), TODAY),
            id="a grant from the future",
        ),
        pytest.param(
            lambda token: CODEC.sign(
                choice(purposes=GRANTED, id="ab" * 16), replace(TODAY, services=())
            ),
            id="a grant under an unknown meaning",
        ),
        pytest.param(lambda token: CODEC._signer.sign("1AAAA").decode(), id="signed but short"),
        pytest.param(lambda token: CODEC._signer.sign("1!!!!").decode(), id="signed, not base64"),
    ],
)
def test_a_spoilt_token_is_no_choice(spoil) -> None:  # type: ignore[no-untyped-def]
    """Nothing forged, cut, foreign, future or unknown is ever a choice."""
    assert read(spoil(CODEC.sign(choice(), TODAY))) is None


@pytest.mark.requirement("VER-07")
@pytest.mark.parametrize(
    ("given", "left"),
    [
        (choice(made_at=NOW + 301), {key: False for key in OPTIONAL}),
        (
            choice(made_at=NOW + 301, purposes={**GRANTED, "marketing": False}, id="ab" * 16),
            {"marketing": False},
        ),
    ],
    ids=["a refusal", "a refusal beside grants"],
)
def test_a_wrong_clock_costs_no_objection(given: Choice, left: dict[str, bool]) -> None:
    """From the future, grants are not believed; what was refused stays refused."""
    found = read(CODEC.sign(given, TODAY))
    assert found.purposes == left
    assert found.id == ""


@pytest.mark.requirement("VER-05")
def test_a_refusal_survives_any_change() -> None:
    """Made under a meaning that is not known here, or of purposes that mean something else now."""
    unknown = replace(TODAY, services=())
    assert read(CODEC.sign(choice(), unknown)).purposes == {key: False for key in OPTIONAL}
    signalled = choice(is_explicit=False, purposes={}, signalled=Signals(gpc=True))
    found = read(CODEC.sign(signalled, unknown))
    assert (found.signalled, found.is_explicit, found.purposes) == (Signals(gpc=True), False, {})
    other = replace(
        TODAY, purposes=(*((key, "0" * 16) for key in OPTIONAL), ("research", "1" * 16))
    )
    kept = read(CODEC.sign(choice(), TODAY), today=other)
    assert kept.purposes == {key: False for key in (*OPTIONAL, "research")}
    some = {**GRANTED, "marketing": False}
    kept = read(CODEC.sign(choice(purposes=some, id="ab" * 16), TODAY), today=other)
    assert kept.purposes == {"marketing": False}
    assert not kept.is_refusal


@given(st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    """A stranger's cookie value is never an error."""
    assert read(value) is None


@given(st.binary(max_size=60))
def test_no_signed_payload_raises(payload: bytes) -> None:
    """Even a payload signed with our key but of another shape is read or refused quietly."""
    text = "1" + base64.urlsafe_b64encode(TODAY.hash + payload).rstrip(b"=").decode()
    found = read(CODEC._signer.sign(text).decode(), now=1 << 40)
    assert found is None or set(found.purposes) <= set(OPTIONAL)


def _many(count: int) -> Meaning:
    services = (Service(key=f"s{n:03}", purposes=("statistics",)) for n in range(count))
    return meaning_of(replace(SHOP, services=tuple(services)))


LATER = replace(
    TODAY,
    purposes=(("functional", "0" * 16), *TODAY.purposes[1:], ("research", "1" * 16)),
    services=(*TODAY.services[1:], ("new", "2" * 16, ("statistics",))),
)
MEANINGS = {one.hash: one for one in (TODAY, LATER, _many(7), _many(190))}
MADE_AT = (0, NOW, NOW + 300, NOW + 301, (1 << 40) - 1)


@given(st.data())
def test_every_payload_is_read_as_the_plain_reader_reads_it(data: st.DataObject) -> None:
    """Whatever was signed here, of whatever meaning, day and length, comes to the same choice."""
    today = data.draw(st.sampled_from([TODAY, LATER]))
    name = data.draw(st.sampled_from([*MEANINGS, b"foreign"[:6]]))
    made_at = data.draw(st.sampled_from(MADE_AT)).to_bytes(5, "big")
    rest = data.draw(st.binary(max_size=46))
    text = base64.urlsafe_b64encode(name + made_at + rest).rstrip(b"=")
    token = CODEC._signer.sign(b"1" + text)
    expected = read_plainly(CODEC, token, MEANINGS, today, NOW)
    reader = TokenReader(CODEC, MEANINGS, today)
    assert [reader.read((token,), NOW) for _ in range(2)] == [expected, expected]


@given(
    purposes=st.fixed_dictionaries({key: st.booleans() for key in OPTIONAL}),
    denied=st.lists(st.integers(0, 189), max_size=12),
    made_under=st.sampled_from([*MEANINGS.values()]),
    today=st.sampled_from([*MEANINGS.values()]),
    now=st.sampled_from([NOW - 301, NOW, NOW + 1]),
)
def test_every_choice_is_read_as_the_plain_reader_reads_it(
    purposes: dict[str, bool], denied: list[int], made_under: Meaning, today: Meaning, now: int
) -> None:
    """Purposes, services and changes since come to the same choice, and to the same saying."""
    keys = [key for key, _, _ in made_under.services]
    services = {keys[number % len(keys)]: number % 2 == 0 for number in denied}
    said = choice(purposes=purposes, services=services, id="ab" * 16)
    token = CODEC.sign(said, made_under).encode()
    expected = read_plainly(CODEC, token, MEANINGS, today, now)
    found = TokenReader(CODEC, MEANINGS, today).read((token,), now)
    assert found == expected
    assert expected is None or found is None or found.saying == expected.saying


@pytest.mark.requirement("REC-13", "SEC-01")
@given(st.data())
def test_a_changed_character_is_a_forgery(data: st.DataObject) -> None:
    """A token in which any one byte is another is no choice, and the signer says so too."""
    token = CODEC.sign(choice(purposes=GRANTED, id="ab" * 16), TODAY).encode()
    at = data.draw(st.integers(0, len(token) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != token[at]))
    assert read(token[:at] + bytes((byte,)) + token[at + 1 :]) is None


@given(st.binary(min_size=1, max_size=70), st.sampled_from([[KEY], [KEY, b"n" * 32]]))
def test_signatures_are_the_signers(text: bytes, keys: list[bytes]) -> None:
    """What itsdangerous signs with the first or the last key verifies here; nothing else does."""
    codec = TokenCodec(keys, audience="shop")
    for key in keys:
        signed = TokenCodec([key], audience="shop")._signer.sign(text)
        body, _, signature = signed.rpartition(b".")
        assert codec._has_signed(body, signature)
        assert not codec._has_signed(body + b"x", signature)
    stranger = TokenCodec([b"x" * 32], audience="shop")._signer.sign(text)
    assert not codec._has_signed(text, stranger.rpartition(b".")[2])


def test_a_token_of_an_earlier_release_verifies() -> None:
    """The format has not moved: a token that was written down still reads."""
    token = "1ZegMHIwcAGqxO4BD4Kurq6urq6urq6urq6urq6s.Q5CDYW-TAO4K34Px1tLcLjYnySlfH6mu2krwFyZXxt4"
    assert read(token) == choice(purposes=GRANTED, id="ab" * 16)


def test_who_said_the_same_shares_what_was_said() -> None:
    """Of another visitor's token only time and id are read; the maps are the same objects."""
    payloads = PayloadReader({}, TODAY)
    one, other = (
        CODEC.read(CODEC.sign(choice(made_at=NOW + n, purposes=GRANTED, id=id), TODAY), payloads)
        for n, id in ((0, "ab" * 16), (9, "cd" * 16))
    )
    assert one is not None
    assert other is not None
    assert (one.id, one.made_at, other.id, other.made_at) == ("ab" * 16, NOW, "cd" * 16, NOW + 9)
    assert one.purposes is other.purposes
    assert one.services is other.services
    assert one.saying is other.saying


def made_up_tokens() -> tuple[list[int], int]:
    """Bytes held after the 8,192nd and the 20,480th, and how many choices are remembered."""
    reader = TokenReader(CODEC, {}, TODAY)
    held = []
    tracemalloc.start()
    for number in range(20_480):
        identity = f"{number:032x}"
        made = choice(purposes=GRANTED, id=identity)
        token = CODEC.sign(made, TODAY).encode() if number % 2 else b"1%060d.%040d" % (number, 1)
        assert (reader.read((token,), NOW) is not None) is bool(number % 2)
        if number + 1 in (8_192, 20_480):
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return held, reader._choices.size


def test_made_up_tokens_leave_the_memory_flat() -> None:
    """Of tokens that are all new, valid or not, the 20,000th holds no more than the 8,000th."""
    (before, after), size = alone("tests.formats.test_token", "made_up_tokens")
    assert after < before * 1.02
    assert size <= 8_192


@pytest.mark.requirement("SEC-01")
def test_keys_rotate() -> None:
    """A token of the old key still reads; the newest key signs."""
    both = TokenCodec([KEY, b"n" * 32], audience="shop")
    new_only = TokenCodec([b"n" * 32], audience="shop")
    assert read(CODEC.sign(choice(), TODAY), codec=both) is not None
    assert read(both.sign(choice(), TODAY), codec=new_only) is not None
    assert read(CODEC.sign(choice(), TODAY), codec=new_only) is None


@pytest.mark.parametrize("keys", [[], [b""], [b"short"], [KEY, b"short"]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    """itsdangerous would sign with an empty key."""
    with pytest.raises(ValueError, match="at least 32 bytes"):
        TokenCodec(keys, audience="shop")


def changed_service(key: str, **changes: object) -> Meaning:
    services = tuple(
        replace(service, **changes) if service.key == key else service  # type: ignore[arg-type]
        for service in SHOP.services
    )
    return meaning_of(replace(SHOP, services=services))


@pytest.mark.requirement("VER-01", "VER-09")
def test_only_what_changed_is_asked_again() -> None:
    """A new owner of one service leaves every other answer standing."""
    token = CODEC.sign(choice(purposes=dict.fromkeys(OPTIONAL, True)), TODAY)
    found = read(token, today=changed_service("ads", owner="Somebody Else"))
    assert found.purposes == dict.fromkeys(OPTIONAL, True)
    assert found.changed == {"ads"}


@pytest.mark.requirement("VER-09")
def test_a_new_service_was_not_consented_to() -> None:
    """A service added later to a granted purpose counts as changed."""
    grown = meaning_of(
        replace(SHOP, services=(*SHOP.services, Service(key="new", purposes=("marketing",))))
    )
    token = CODEC.sign(choice(purposes=dict.fromkeys(OPTIONAL, True)), TODAY)
    assert read(token, today=grown).changed == {"new"}


@pytest.mark.requirement("VER-02")
def test_wording_is_not_meaning() -> None:
    """New names, descriptions and links change no fingerprint."""
    reworded = changed_service("ads", name="Ads!", description="new words", policy_url="/x")
    assert reworded.hash == TODAY.hash
    assert Meaning.from_json(TODAY.to_json()) == TODAY


@pytest.mark.parametrize("count", [40, 190, 900])
def test_many_services_still_fit(count: int) -> None:
    """Where single services do not fit in the token, it grants less, never more."""
    services = tuple(Service(key=f"s{n:03}", purposes=("statistics",)) for n in range(count))
    meaning = meaning_of(replace(SHOP, services=services))
    denied = {f"s{n:03}": False for n in range(0, count, 2)}
    token = CODEC.sign(
        choice(purposes=dict.fromkeys(OPTIONAL, True), services=denied, id="ab" * 16), meaning
    )
    found = read(token, today=meaning)
    assert len(token) <= MAX_BYTES
    for key in denied:
        assert not found.services.get(key, found.purposes["statistics"])
    assert found.purposes["marketing"]


@pytest.mark.requirement("SIG-07")
def test_signals_are_added_without_touching_the_rest() -> None:
    """Remembering a signal keeps the choice, its time and its id."""
    token = CODEC.sign(choice(purposes=dict.fromkeys(OPTIONAL, True), id="ab" * 16), TODAY)
    found = read(CODEC.remember_signals(token, Signals(gpc=True)) or "")
    assert found.signalled == Signals(gpc=True)
    assert found.id == "ab" * 16
    assert CODEC.remember_signals("forged", Signals(gpc=True)) is None


@pytest.mark.requirement("COL-24")
def test_grants_for_one_session_are_shared_like_the_rest() -> None:
    """Who grants the same for a session, above the same choice, has the same saying."""
    reader = TokenReader(CODEC, {}, TODAY)
    refused = dict.fromkeys(OPTIONAL, False)
    once = CODEC.sign(choice(purposes=refused, services={"maps": True}, id="ef" * 16), TODAY)
    found = []
    for identity in ("ab" * 16, "cd" * 16):
        lasting = choice(purposes={**refused, "statistics": True}, id=identity)
        said = reader.read((CODEC.sign(lasting, TODAY).encode(),), NOW)
        found.append(reader.read_once((once.encode(),), said, NOW))
        assert found[-1] == replace(lasting, once=frozenset({"maps"}))
    assert found[0].saying is found[1].saying
    alone = reader.read_once((once.encode(),), None, NOW)
    assert alone == Choice(made_at=NOW, is_explicit=False, once=frozenset({"maps"}))
