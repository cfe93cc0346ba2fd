"""The token: compact, signed, rotating; anything wrong with it is no choice, never an error."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.domain.choices import Choice
from consentgate.domain.policy.fingerprints import Meaning, meaning_of
from consentgate.domain.policy.policy import Service
from consentgate.domain.signals import Signals
from consentgate.formats.token import MAX_BYTES, TokenCodec
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


def read(token: str, *, now: int = NOW, today: Meaning = TODAY, codec: TokenCodec = CODEC):  # type: ignore[no-untyped-def]
    return codec.read(token, {TODAY.hash: TODAY}, today, now)


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
    kept = CODEC.read(CODEC.sign(choice(), TODAY), {TODAY.hash: TODAY}, other, NOW)
    assert kept.purposes == {key: False for key in (*OPTIONAL, "research")}
    some = {**GRANTED, "marketing": False}
    kept = CODEC.read(
        CODEC.sign(choice(purposes=some, id="ab" * 16), TODAY), {TODAY.hash: TODAY}, other, NOW
    )
    assert kept.purposes == {"marketing": False}
    assert not kept.is_refusal


@given(st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    """A stranger's cookie value is never an error."""
    assert CODEC.read(value, {}, TODAY, NOW) is None


@given(st.binary(max_size=60))
def test_no_signed_payload_raises(payload: bytes) -> None:
    """Even a payload signed with our key but of another shape is read or refused quietly."""
    text = "1" + base64.urlsafe_b64encode(TODAY.hash + payload).rstrip(b"=").decode()
    found = read(CODEC._signer.sign(text).decode(), now=1 << 40)
    assert found is None or set(found.purposes) <= set(OPTIONAL)


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
    found = CODEC.read(token, {}, meaning, NOW)
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
