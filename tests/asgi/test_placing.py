"""Where a visitor is, judged from outside: the rules that a request gets, whatever it claims."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate import ConsentGate
from consentgate.asgi.consent import SCOPE_KEY
from consentgate.domain.policy.policy import Controller, Policy, RegimeSettings
from tests.asgi.raw import Exchange, Script, gated, http, json_answer, page, run
from tests.databases import write_database
from tests.policies import SHOP

PROXIES = ("10.0.0.0/8",)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_database(tmp_path_factory.mktemp("places") / "city.mmdb")


def placed(database: Path | str, *, country: str = "", **settings: Any) -> Policy:
    return replace(
        SHOP,
        controller=Controller(name="Example Shop", country=country),
        regimes=RegimeSettings(place_database=str(database), **settings),
    )


def asked(policy: Policy, scope: Any, **options: Any) -> tuple[str, Exchange]:
    """The regime's code as the app sees it, and what the visitor got."""
    app = json_answer()
    answer = run(gated(app, policy, **options), scope)
    assert answer.raised is None
    assert answer.status == 200
    return app.scope[SCOPE_KEY].regime, answer


def visitor(address: str, *headers: tuple[bytes, bytes]) -> Any:
    return http(client=(address, 4711), headers=headers)


@pytest.mark.requirement("JUR-02", "JUR-03")
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("5.83.1.1", "DE"),
        ("::ffff:5.83.1.1", "DE"),
        ("102.35.0.1", "RE"),
        ("185.5.0.1", "EU"),
        ("149.101.100.1", "US"),
        ("216.160.83.57", "US-WA"),
        ("214.78.120.1", "US-CA"),
        ("2a02:d500::1", "ZZ"),
        ("214.1.1.1", "ZZ"),
        ("10.1.2.3", "ZZ"),
        ("fe80::1%eth0", "ZZ"),
        ("testclient", "ZZ"),
        ("", "ZZ"),
        ("5.83.1.1.1", "ZZ"),
        ("\x00", "ZZ"),
        ("9" * 70_000, "ZZ"),
    ],
)
def test_the_address_decides(database: Path, address: str, code: str) -> None:
    """Known places get their rules, everything else the strictest; the answer is served."""
    assert asked(placed(database), visitor(address))[0] == code


@pytest.mark.requirement("JUR-03")
def test_no_client_at_all(database: Path) -> None:
    """A server on a Unix socket tells no address."""
    assert asked(placed(database), http(client=None))[0] == "ZZ"


@pytest.mark.requirement("JUR-08")
@pytest.mark.parametrize(
    ("peer", "headers", "code"),
    [
        ("5.83.1.1", [(b"cf-ipcountry", b"US"), (b"cf-region-code", b"CA")], "DE"),
        ("10.0.0.1", [(b"cf-ipcountry", b"US"), (b"cf-region-code", b"CA")], "US-CA"),
        ("10.0.0.1", [(b"cf-ipcountry", b"FR")], "FR"),
        ("10.0.0.1", [(b"cf-ipcountry", b"fr")], "FR"),
        ("10.0.0.1", [(b"cf-ipcountry", b"XX"), (b"x-forwarded-for", b"5.83.1.1")], "DE"),
        ("10.0.0.1", [(b"cf-ipcountry", b"T1")], "ZZ"),
        ("10.0.0.1", [(b"cf-ipcountry", b"US"), (b"cf-ipcountry", b"FR")], "ZZ"),
        ("10.0.0.1", [(b"cf-ipcountry", b"<script>")], "ZZ"),
        ("5.83.1.1", [(b"x-forwarded-for", b"214.78.120.1")], "DE"),
        ("10.0.0.1", [(b"x-forwarded-for", b"214.78.120.1")], "US-CA"),
        ("10.0.0.1", [(b"x-forwarded-for", b"214.78.120.1, 5.83.1.1")], "DE"),
        ("10.0.0.1", [(b"x-forwarded-for", b"1.1.1.1," * 8_192)], "ZZ"),
        ("10.0.0.1", [(b"forwarded", b"for=214.78.120.1")], "ZZ"),
    ],
)
def test_headers_count_from_trusted_proxies_only(
    database: Path, peer: str, headers: list[tuple[bytes, bytes]], code: str
) -> None:
    """Anybody can send them; only a trusted peer's are read, and only the named ones."""
    policy = placed(
        database,
        trusted_proxies=PROXIES,
        country_header="CF-IPCountry",
        region_header="CF-Region-Code",
    )
    assert asked(policy, visitor(peer, *headers))[0] == code


def test_the_forwarded_header_of_the_standard(database: Path) -> None:
    """RFC 7239, where the policy says that the proxies write it."""
    policy = placed(database, trusted_proxies=PROXIES, client_header="Forwarded")
    sent = (b"forwarded", b'for=6.6.6.6, for="[::ffff:214.78.120.1]:80";proto=https')
    assert asked(policy, visitor("10.0.0.1", sent))[0] == "US-CA"


@pytest.mark.requirement("JUR-03")
@pytest.mark.parametrize("content", [None, b"garbage", b""], ids=["missing", "corrupt", "empty"])
def test_a_database_that_fails_denies_and_serves(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Strictest rules, one line in the log, and the page."""
    path = tmp_path / "x.mmdb"
    if content is not None:
        path.write_bytes(content)
    app = page()
    with caplog.at_level(logging.ERROR, "consentgate"):
        gate = gated(app, placed(path))
        for _ in range(3):
            answer = run(gate, visitor("5.83.1.1"))
    assert b"Teapots" in answer.body
    assert app.scope[SCOPE_KEY].regime == "ZZ"
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.requirement("JUR-04")
def test_the_establishment_of_the_operator_is_a_floor(database: Path) -> None:
    """A German operator asks Californians too."""
    app = json_answer()
    run(gated(app, placed(database, country="DE")), visitor("214.78.120.1"))
    consent = app.scope[SCOPE_KEY]
    assert consent.regime == "US-CA"
    assert not consent.allows("statistics")


@pytest.mark.requirement("JUR-05")
@pytest.mark.parametrize(
    ("residence", "address", "code", "statistics"),
    [
        ("US-CA", "5.83.1.1", "DE+US-CA", False),
        ("DE", "214.78.120.1", "US-CA+DE", False),
        ("", "214.78.120.1", "US-CA", True),
        (None, "214.78.120.1", "US-CA", True),
        ("Atlantis", "214.78.120.1", "US-CA", True),
        (KeyError("user 7"), "214.78.120.1", "ZZ", False),
    ],
)
def test_the_residence_of_an_account(
    database: Path,
    residence: str | Exception | None,
    address: str,
    code: str,
    statistics: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It only tightens; where the app cannot tell, the strictest, and nothing of it in the log."""

    def residence_of(scope: Any) -> str | None:
        if isinstance(residence, Exception):
            raise residence
        return residence

    app = json_answer()
    answer = run(gated(app, placed(database), residence_of=residence_of), visitor(address))
    assert answer.status == 200
    assert app.scope[SCOPE_KEY].regime == code
    assert app.scope[SCOPE_KEY].allows("statistics") is statistics
    assert "user 7" not in caplog.text


def test_another_source_of_places() -> None:
    """An app may bring its own lookup."""

    class Atlas:
        def find(self, address: bytes) -> Any:
            from consentgate.domain.regimes import place_of

            return place_of("FR") if address == bytes([5, 6, 7, 8]) else place_of("")

        def close(self) -> None:
            self.is_closed = True

    atlas = Atlas()
    app = json_answer()
    gate: ConsentGate = gated(app, SHOP, places=atlas)
    run(gate, visitor("5.6.7.8"))
    assert app.scope[SCOPE_KEY].regime == "FR"
    gate.close()
    assert atlas.is_closed


@pytest.mark.requirement("JUR-07", "SIG-05", "SIG-11")
@pytest.mark.parametrize("address", ["5.83.1.1", "126.0.0.1", "149.101.100.1", "24.100.0.1"])
def test_the_signal_counts_everywhere(database: Path, address: str) -> None:
    """GPC from anywhere: advertising is off at once, the rest as the place has it."""
    app = Script()
    run(gated(app, placed(database)), visitor(address, (b"sec-gpc", b"1")))
    consent = app.scope[SCOPE_KEY]
    assert not consent.allows("marketing")
    assert not consent.allows("ads")


@pytest.mark.parametrize(
    ("age", "regime", "is_allowed"),
    [
        (None, "126.0.0.1", True),
        (15, "126.0.0.1", False),
        (16, "126.0.0.1", True),
        ((13, 15), "126.0.0.1", False),
        ((14, 17), "126.0.0.1", False),
        ((18, 99), "126.0.0.1", True),
        (15, "214.78.120.1", False),
        (16, "214.78.120.1", True),
        (17, "8.44.0.1", False),
        (18, "8.44.0.1", True),
        ("young", "126.0.0.1", False),
        (KeyError("user 7"), "126.0.0.1", False),
    ],
)
@pytest.mark.requirement("COL-23")
def test_ages_by_place(database: Path, age: Any, regime: str, is_allowed: bool) -> None:
    """Years or a band; the place's age counts, the lowest year of a band, and doubt protects."""

    def age_of(scope: Any) -> Any:
        if isinstance(age, Exception):
            raise age
        return age

    app = json_answer()
    answer = run(gated(app, placed(database), age_of=age_of), visitor(regime))
    assert answer.status == 200
    assert app.scope[SCOPE_KEY].allows("marketing") is is_allowed
    assert app.scope[SCOPE_KEY].allows("statistics")
