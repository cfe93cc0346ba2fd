"""GPC and DNT from outside: what the first answer does, what it says, and what is kept of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consentgate.asgi.consent import SCOPE_KEY
from consentgate.domain.policy.policy import Policy, RegimeSettings, SignalSettings, SiteSettings
from consentgate.log.counts.signals import RECEIVED, SignalCounts, read_counts
from tests.asgi.raw import (
    NOW,
    Script,
    chosen,
    gated,
    http,
    json_answer,
    page,
    regime_of,
    run,
    websocket,
)
from tests.policies import SHOP

CORPUS = json.loads((Path(__file__).parents[1] / "corpora" / "header_vectors.json").read_text())
TK = re.compile(CORPUS["tk_regex"])
GPC, DNT = (b"sec-gpc", b"1"), (b"dnt", b"1")
AD = (b"set-cookie", b"_fbp=1; Path=/; Domain=.shop.example")
AD_PAGE = b"<!doctype html><body><script src=https://ads.example/x.js></script>Teapots</body>"


def under(place: str, **signals: Any) -> Policy:
    return replace(SHOP, regimes=RegimeSettings(fixed=place), signals=SignalSettings(**signals))


US_CA, DE = under("US-CA"), under("DE")


@pytest.mark.requirement("SIG-03", "SIG-04", "SIG-05", "SIG-11", "SIG-17")
@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
)
def test_gpc_acts_in_the_first_answer_to_every_method(method: str) -> None:
    """No cookie of advertising is set, the app is told, and the header reaches it unchanged."""
    app = json_answer(AD)
    answer = run(gated(app, US_CA), http(method=method, headers=[GPC]))
    assert not [line for line in answer.set_cookies if line.startswith(b"_fbp=1")]
    assert GPC in app.scope["headers"]
    consent = app.scope[SCOPE_KEY]
    assert not consent.allows("marketing")
    assert consent.allows("functional")
    assert consent.allows("statistics")


@pytest.mark.requirement("SIG-03")
def test_gpc_acts_on_websockets() -> None:
    """Consent in the socket's scope, and no advertising cookie on the handshake."""
    app = Script({"type": "websocket.accept", "headers": [AD]}, {"type": "websocket.close"})
    answer = run(gated(app, US_CA), websocket(headers=[GPC]))
    assert not app.scope[SCOPE_KEY].allows("marketing")
    assert not [line for line in answer.set_cookies if line.startswith(b"_fbp=1")]
    free = Script({"type": "websocket.accept", "headers": [AD]}, {"type": "websocket.close"})
    assert AD[1] in run(gated(free, US_CA), websocket()).set_cookies


@pytest.mark.requirement("SIG-01", "SIG-02", "SIG-18", "SIG-20")
@pytest.mark.parametrize(
    ("headers", "marketing"),
    [
        ([(b"sec-gpc", b"1, 1")], False),
        ([(b"sec-gpc", b"1" * 65_536)], True),
        ([(b"sec-gpc", b"\xff\x00")], True),
        ([(b"sec-gpc", b"true")], True),
        ([(b"dnt", b"1" * 65_536)], False),
        ([(b"dnt", b"0")], True),
        ([(b"dnt", b""), (b"dnt", b"1")], False),
        ([(b"sec-gpc", b"0")] * 500 + [(b"sec-gpc", b"1")], False),
    ],
)
def test_absurd_headers(headers: list[tuple[bytes, bytes]], marketing: bool) -> None:
    """They mean what the specifications say, and the page is served."""
    app = page()
    answer = run(gated(app, US_CA), http(headers=headers))
    assert (answer.status, b"Teapots" in answer.body) == (200, True)
    assert app.scope[SCOPE_KEY].allows("marketing") is marketing


@pytest.mark.requirement("SIG-20")
def test_dnt_0_is_no_consent() -> None:
    """Under opt-in it changes nothing at all."""
    app = json_answer()
    run(gated(app, DE), http(headers=[(b"dnt", b"0")]))
    assert not any(
        app.scope[SCOPE_KEY].allows(key) for key in ("functional", "statistics", "marketing")
    )


@pytest.mark.requirement("SIG-19")
@pytest.mark.parametrize("place", ["DE", "US-CA", "JP"])
def test_dnt_objects_to_tracking_everywhere(place: str) -> None:
    """Statistics and advertising are off, and no prompt answers the signal."""
    app = page()
    answer = run(gated(app, under(place)), http(headers=[DNT]))
    assert not app.scope[SCOPE_KEY].allows("statistics")
    assert not app.scope[SCOPE_KEY].allows("marketing")
    assert b"data-privacy-note" not in answer.body


@pytest.mark.requirement("SIG-07")
@pytest.mark.parametrize("header", [GPC, DNT], ids=["gpc", "dnt"])
def test_an_opt_out_does_not_lapse_with_its_header(header: tuple[bytes, bytes]) -> None:
    """The same browser, later, without the header: still opted out; another browser is not."""
    gate = gated(json_answer(), US_CA)
    first = run(gate, http(headers=[header]))
    (token,) = first.cookies.values()
    app = gate.app
    run(gate, http(cookie=f"choices={token}"))
    assert not app.scope[SCOPE_KEY].allows("marketing")
    run(gate, http())
    assert app.scope[SCOPE_KEY].allows("marketing")


@pytest.mark.requirement("SIG-06")
def test_gpc_beats_an_older_grant_and_yields_to_a_later_one_only() -> None:
    """Accepted before, then the signal: denied. Accepted after being told of it: allowed, and
    the ledger says that the conflict was shown."""
    gate = gated(json_answer(), US_CA)
    app = gate.app
    before = chosen(gate, choice="accept")
    run(gate, http(cookie=before, headers=[GPC]))
    assert not app.scope[SCOPE_KEY].allows("marketing")
    after = chosen_under_gpc(gate)
    run(gate, http(cookie=after, headers=[GPC]))
    assert app.scope[SCOPE_KEY].allows("marketing")
    *_, event = gate.assembly.proof.ledger.events()
    assert (event.signals, event.told, event.regime) == (("gpc",), ("gpc",), "US-CA")


def chosen_under_gpc(gate: Any) -> str:
    from tests.asgi.raw import form

    notice = gate.assembly.pages.notice("en", regime_of(gate))[0]
    fields = {"choice": "accept", "notice": notice, "told": "gpc"}
    scope, sent = form(gate.assembly.prefix, fields, headers=[GPC])
    return f"choices={run(gate, scope, sent).cookies['choices']}"


@pytest.mark.requirement("SIG-06")
def test_nobody_is_told_of_a_signal_that_was_not_there() -> None:
    """A form that claims it without the signal overrides nothing later."""
    gate = gated(json_answer(), US_CA)
    token = chosen(gate, choice="accept", told="gpc")
    run(gate, http(cookie=token, headers=[GPC]))
    assert not gate.app.scope[SCOPE_KEY].allows("marketing")


@pytest.mark.requirement("SIG-09", "SIG-10")
@pytest.mark.parametrize("place", ["US-CA", "US", "JP"])
def test_the_page_says_that_the_signal_was_honoured(place: str) -> None:
    """In a line of the page's flow, without a prompt; and only where there was one."""
    gate = gated(page(), under(place))
    for path in ("/", gate.assembly.prefix):
        honoured = run(gate, http(path, headers=[GPC])).body
        assert b'data-privacy-signal="honored"' in honoured
        assert b"Opt-Out Request Honored" in honoured
        assert b'data-privacy-signal="honored"' not in run(gate, http(path)).body
    with_signal = run(gate, http(headers=[GPC])).body
    assert b"data-privacy-note" not in with_signal
    assert b"<dialog" not in with_signal


@pytest.mark.requirement("SIG-12")
def test_the_signal_is_no_trace(tmp_path: Path) -> None:
    """No identifier is made of it, and the site log holds the decision, not the header."""
    gate = gated(json_answer(), US_CA, log=tmp_path)
    answer = run(gate, http(headers=[GPC]))
    (token,) = answer.cookies.values()
    choice = gate.assembly.reader.read([token.encode()], NOW)
    assert choice is not None
    assert choice.id == ""
    gate.close()
    lines = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "sec-gpc" not in lines.lower()
    assert "192.0.2.7" not in lines


@pytest.mark.requirement("SIG-12")
def test_the_remembered_signal_is_the_same_for_everyone() -> None:
    """Two browsers that send it at the same moment hold the same token: it tells nobody apart."""
    gate = gated(json_answer(), US_CA)
    one, other = (run(gate, http(client=(ip, 1), headers=[GPC])) for ip in ("1.1.1.1", "2.2.2.2"))
    assert one.cookies == other.cookies != {}


class Offers(Script):
    """Asks for consent at ``/asks`` alone; allows caches to store every answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asks = scope["path"] == "/asks"
        text = b"ads" if asks and scope[SCOPE_KEY].allows("marketing") else b"none"
        headers = [(b"content-type", b"text/plain"), (b"cache-control", b"public, max-age=60")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})


@pytest.mark.requirement("SIG-15")
@pytest.mark.parametrize(
    ("headers", "text"),
    [((), b"ads"), ((GPC,), b"none"), ((DNT,), b"none")],
    ids=["silent", "GPC", "DNT"],
)
def test_what_a_signal_decides_is_no_shared_caches_to_keep(headers: Any, text: bytes) -> None:
    """No cache knows the place, which decides too: such an answer is private, others stay public."""
    gate = gated(Offers(), US_CA)
    asked = run(gate, http(path="/asks", headers=list(headers)))
    assert asked.body == text
    control = asked.one(b"cache-control") or b""
    assert b"private" in control
    assert b"public" not in control
    assert {b"sec-gpc", b"dnt", b"cookie"} <= set((asked.one(b"vary") or b"").lower().split(b", "))
    free = run(gate, http(path="/free", headers=list(headers)))
    is_told = bool(free.set_cookies)  # a signal remembered makes the answer this visitor's own
    assert (b"public" in (free.one(b"cache-control") or b"")) is not is_told


@pytest.mark.requirement("SIG-13", "SIG-14")
@pytest.mark.parametrize(
    ("setting", "gpc"), [("everywhere", True), ("binding", True), ("off", False)]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_support_resource_of_gpc(setting: str, gpc: bool, method: str) -> None:
    """True only while it is enforced; the date of the statement; JSON."""
    gate = gated(json_answer(), under("US-CA", gpc=setting))
    answer = run(gate, http("/.well-known/gpc.json", method=method))
    assert (answer.status, answer.one(b"content-type")) == (200, b"application/json")
    assert answer.set_cookies == []
    if method == "GET":
        assert json.loads(answer.body) == {"gpc": gpc, "lastUpdate": "2026-11-01"}
    run(gate, http(headers=[GPC]))
    assert gate.app.scope[SCOPE_KEY].allows("marketing") is not gpc


@pytest.mark.requirement("SIG-14")
def test_gpc_only_where_it_binds() -> None:
    """The setting in between: California yes, Japan no."""
    for place, allowed in (("US-CA", False), ("JP", True)):
        gate = gated(json_answer(), under(place, gpc="binding"))
        run(gate, http(headers=[GPC]))
        assert gate.app.scope[SCOPE_KEY].allows("marketing") is allowed


def test_other_well_known_resources_are_the_apps() -> None:
    """Only ours are answered here."""
    app = json_answer()
    for path in ("/.well-known/security.txt", "/.well-known/dnt-policy.txt", "/.well-known/dntx"):
        run(gated(app, US_CA), http(path))
        assert app.scope["path"] == path
    assert run(gated(app, US_CA), http("/.well-known/gpc.json", method="POST")).status == 405


STATUS = [
    # place, headers, choice, tracking
    ("DE", (), "", "N"),
    ("DE", (), "accept", "C"),
    ("DE", (), "reject", "N"),
    ("US-CA", (), "", "T"),
    ("US-CA", (GPC,), "", "T"),  # statistics go on
    ("US-CA", (DNT,), "", "N"),
    ("US-CA", (), "accept", "C"),
    ("US-CA", (DNT,), "accept", "N"),
    ("US-CA", (), "reject", "N"),
]


@pytest.mark.requirement("SIG-22", "SIG-23", "SIG-25")
@pytest.mark.parametrize(("place", "headers", "choice", "tracking"), STATUS)
@pytest.mark.parametrize("app", [page, json_answer], ids=["page", "json"])
def test_every_answer_says_where_it_stands(
    place: str, headers: Any, choice: str, tracking: str, app: Any
) -> None:
    """With ``tk = "always"``: one field, of the Note's form; concrete where the answer is made
    for this visitor, a name to ask for where caches may share it. ``C`` has a config that works."""
    gate = gated(app((b"tk", b"N")), under(place, tk="always"))
    cookie = chosen(gate, choice=choice) if choice else ""
    answer = run(gate, http(headers=headers, cookie=cookie))
    (value,) = answer.all(b"tk")
    assert TK.fullmatch(value.decode())
    assert value == (f"{tracking};{tracking.lower()}".encode() if app is page else b"?;v")
    status_id = value.partition(b";")[2].decode()
    found = run(gate, http(f"/.well-known/dnt/{status_id}", headers=headers, cookie=cookie))
    status = json.loads(found.body)
    assert status["tracking"] == tracking
    assert run(gate, http(status["config"])).status == 200


@pytest.mark.requirement("SIG-22", "SIG-23")
def test_without_the_setting_only_pages_answer_dnt() -> None:
    """Whoever asks is told; everything else passes as it is."""
    gate = gated(page(), US_CA)
    assert run(gate, http(headers=[DNT])).all(b"tk") == [b"N;n"]
    assert run(gate, http()).all(b"tk") == []
    assert run(gated(json_answer(), US_CA), http(headers=[DNT])).all(b"tk") == []


@pytest.mark.requirement("SIG-24")
def test_only_a_change_is_called_updated() -> None:
    """``Tk: U`` on the answer to a choice, and nowhere else."""
    from tests.asgi.raw import form

    gate = gated(page(), under("DE", tk="always"))
    scope, sent = form(gate.assembly.prefix, {"choice": "reject"})
    assert run(gate, scope, sent).all(b"tk") == [b"U"]
    for path in ("/", gate.assembly.prefix, gate.assembly.prefix + "/state", "/.well-known/dnt/"):
        assert b"U" not in b"".join(run(gate, http(path, headers=[DNT])).all(b"tk"))


@pytest.mark.requirement("SIG-25", "SIG-26", "SIG-28", "TPD-05")
@pytest.mark.parametrize("path", ["/.well-known/dnt", "/.well-known/dnt/"])
@pytest.mark.parametrize(("tk", "site_wide"), [("answer", "N"), ("always", "?")])
def test_the_status_resource(path: str, tk: str, site_wide: str) -> None:
    """With and without the slash; config, policy and our own hosts; private; no cookie."""
    policy = replace(under("DE", tk=tk), site=SiteSettings(same_party=("cdn.shop.example",)))
    gate = gated(page(), policy)
    answer = run(gate, http(path, cookie="session=1", headers=[DNT]))
    assert answer.one(b"content-type") == b"application/tracking-status+json"
    assert answer.one(b"cache-control") == b"private, no-store"
    assert json.loads(answer.body) == {
        "tracking": site_wide,
        "config": "/privacy-choices",
        "policy": "/privacy-choices/disclosure",
        "same-party": ["cdn.shop.example"],
    }
    for status_id in ("v", "n", "c", "t"):
        found = json.loads(run(gate, http(f"/.well-known/dnt/{status_id}")).body)
        assert found["tracking"] in "NTC"
    for unknown in ("x", "a/b", "v/w", "%00", "ü"):
        assert run(gate, http(f"/.well-known/dnt/{unknown}")).status == 404


@pytest.mark.requirement("SIG-28")
def test_an_ignored_objection_is_called_so() -> None:
    """With ``dnt = "off"`` the resource says ``D`` to who objects."""
    gate = gated(page(), under("US-CA", dnt="off"))
    for headers, tracking in (([DNT], "D"), ([], "T")):
        answer = run(gate, http("/.well-known/dnt/", headers=headers))
        assert json.loads(answer.body)["tracking"] == tracking


@pytest.mark.requirement("SIG-27")
def test_asking_for_the_status_leaves_nothing(tmp_path: Path) -> None:
    """No cookie, also of an app that sets one everywhere, and no line in the site log."""
    app = json_answer((b"set-cookie", b"session=1"))
    gate = gated(app, US_CA, log=tmp_path)
    for path in ("/.well-known/dnt", "/.well-known/dnt/", "/.well-known/dnt/v"):
        answer = run(gate, http(path, cookie="_fbp=1; session=2", headers=[DNT, GPC]))
        assert answer.set_cookies == []
    assert app.scopes == []
    gate.close()
    assert [p.read_text() for p in tmp_path.rglob("*.jsonl") if p.read_text()] == []


EFF = b"Dummy text that stands for the policy, whose hash the test puts in its place.\n"


@pytest.fixture
def eff(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that counts as the EFF's policy: its text is not ours to ship."""
    import hashlib

    from consentgate.formats.headers import tracking_status

    path = tmp_path / "dnt-policy.txt"
    path.write_bytes(EFF)
    digest = hashlib.sha1(EFF, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(tracking_status, "EFF_POLICY_SHA1", digest)
    return path


@pytest.mark.requirement("SIG-31")
def test_the_eff_policy_is_served_byte_for_byte_or_not_at_all(eff: Path) -> None:
    """Over HTTPS, where it is attested; another byte, and it is not there."""
    policy = replace(DE, site=SiteSettings(eff_dnt_policy=str(eff)))
    gate = gated(page(), policy)
    answer = run(gate, http("/.well-known/dnt-policy.txt", scheme="https"))
    assert (answer.status, answer.body) == (200, EFF)
    assert answer.one(b"content-type") == b"text/plain; charset=utf-8"
    assert run(gate, http("/.well-known/dnt-policy.txt")).status == 404
    eff.write_bytes(EFF + b" ")
    assert run(gate, http("/.well-known/dnt-policy.txt", scheme="https")).status == 404
    app = json_answer()
    run(gated(app, DE), http("/.well-known/dnt-policy.txt", scheme="https"))
    assert app.scopes, "not attested: the address is the app's"


@pytest.mark.requirement("SIG-31")
def test_the_hash_is_the_published_one() -> None:
    """Of version 1.0, as the EFF publishes it beside the text."""
    from consentgate.formats.headers.tracking_status import EFF_POLICY_SHA1, is_eff_policy

    assert EFF_POLICY_SHA1 == "a18e8dba6848d3fc241b03b88291cb75a3cfec3b"
    assert not is_eff_policy(EFF)


@pytest.mark.requirement("SIG-32")
def test_who_attests_keeps_no_identifier_of_a_visitor_with_dnt(eff: Path) -> None:
    """Not even functional ones: nothing optional is set, what is there goes, the app sees none."""
    policy = replace(under("US-CA"), site=SiteSettings(eff_dnt_policy=str(eff)))
    app = json_answer((b"set-cookie", b"theme=dark-7f3a"), (b"set-cookie", b"uid=7"))
    answer = run(
        gated(app, policy), http(cookie="theme=old; _an_x=1; uid=1; cart=2", headers=[DNT])
    )
    assert app.cookie_fields == [b"cart=2"]
    set_ = b"".join(line for line in answer.set_cookies if b"Max-Age=0" not in line)
    assert b"theme=" not in set_
    assert b"uid=" not in set_
    assert any(line.startswith(b"theme=;") for line in answer.set_cookies)


@pytest.mark.requirement("SIG-33")
def test_who_attests_logs_nothing_of_a_visit_with_dnt(eff: Path, tmp_path: Path) -> None:
    """``signals_mode = "drop"`` is demanded: there is no line that could outlive ten days."""
    log = tmp_path / "log"
    base = replace(under("US-CA"), site=SiteSettings(eff_dnt_policy=str(eff)))
    policy = replace(base, log=replace(base.log, signals_mode="drop"))
    gate = gated(json_answer(), policy, log=log)
    run(gate, http("/secret", headers=[DNT]))
    gate.close()
    text = "".join(path.read_text() for path in log.rglob("*") if path.is_file())
    assert "secret" not in text
    assert "192.0.2.7" not in text
    assert '"tier"' not in text


@pytest.mark.requirement("SIG-35")
def test_signals_are_counted_and_nobody_is(tmp_path: Path) -> None:
    """A thousand requests: sums by day and purpose, and no identifier anywhere."""
    gate = gated(json_answer(), US_CA, log=tmp_path)
    for _ in range(1_000):
        run(gate, http(headers=[GPC]))
    run(gate, http(headers=[DNT]))
    run(gate, http())
    gate.close()
    assert read_counts(tmp_path) == {
        ("2026-09-21", "dnt", RECEIVED): 1,
        ("2026-09-21", "dnt", "marketing"): 1,
        ("2026-09-21", "dnt", "statistics"): 1,
        ("2026-09-21", "gpc", RECEIVED): 1_000,
        ("2026-09-21", "gpc", "marketing"): 1_000,
    }
    rows = [json.loads(line) for line in (tmp_path / "signals.counts").read_text().splitlines()]
    assert {name for row in rows for name in row} == {"day", "signal", "purpose", "count"}


def test_counts_of_several_processes_add_up(tmp_path: Path) -> None:
    """Each adds its own lines; a cut line is left out; a full disk loses nothing that waits."""
    one, other = SignalCounts(tmp_path), SignalCounts(tmp_path)
    one.add("gpc", ["marketing"], NOW)
    other.add("gpc", ["marketing"], NOW)
    other.add("gpc", ["marketing"], NOW + 86_400)
    other.flush()
    with (tmp_path / "signals.counts").open("a") as file:
        file.write('{"day": "2026-09')
    assert list(read_counts(tmp_path).values()) == [2, 1]
    blocked = SignalCounts(tmp_path / "signals.counts")
    blocked.add("gpc", ["marketing"], NOW)
    blocked.flush()
    assert blocked.totals["gpc", "marketing"] == 1
    assert blocked.waiting == 1


def test_a_prefetch_is_nobodys_signal(tmp_path: Path) -> None:
    """Nobody is looking: not counted."""
    gate = gated(json_answer(), US_CA, log=tmp_path)
    run(gate, http(headers=[GPC, (b"sec-purpose", b"prefetch")]))
    assert not gate.assembly.signal_counts.totals
