"""What is no page, and is gated in its bytes or by a policy all the same."""

from __future__ import annotations

import pytest

from tests.asgi.raw import Script, body, chosen, gated, http, run, start
from tests.policies import with_site

CSP = b"content-security-policy"
RULES = b'{"prefetch":[{"source":"list","urls":["%s"]}]}'
WORKER = [(b"sec-fetch-dest", b"worker")]
SERVICE = [(b"sec-fetch-dest", b"serviceworker")]
TEXT = b"self.x = 1"


def script(
    kind: bytes = b"text/javascript", text: bytes = TEXT, *pairs: tuple[bytes, bytes]
) -> Script:
    """An app that sends these bytes in two pieces."""
    return Script(start(kind, *pairs), body(text[:4], more_body=True), body(text[4:]))


@pytest.mark.requirement("STO-03")
@pytest.mark.parametrize(
    ("address", "is_kept"),
    [
        (b"/next", True),
        (b"https://cdn.ads.example/next", False),
        (b"https:\\/\\/cdn.ads.example\\/next", False),
        (b"https://stranger.example/next", False),  # nobody declared it
    ],
)
def test_a_set_of_rules_goes_whole_or_not_at_all(address: bytes, is_kept: bool) -> None:
    """A browser fetches ahead what it names, and no policy of the page keeps it from that."""
    rules = RULES % address
    app = script(b"application/speculationrules+json", rules, (b"etag", b'"1"'))
    gate = gated(app)
    seen = run(gate, http("/rules.json"))
    assert seen.body == (rules if is_kept else b"{}")
    assert (seen.one(b"etag"), seen.one(b"cache-control")) == (None, b"private")
    granted = run(gate, http("/rules.json", cookie=chosen(gate, choice="accept")))
    assert granted.body == (b"{}" if b"stranger" in address else rules)


@pytest.mark.requirement("STO-03")
@pytest.mark.parametrize("coding", [b"gzip", b"identity, br"])
def test_rules_that_cannot_be_read_are_none(coding: bytes) -> None:
    """Nor are those of more than 64 KB: what is not known is denied."""
    kind = b"application/speculationrules+json"
    seen = run(gated(script(kind, b"\x1f\x8b12345", (b"content-encoding", coding))), http())
    assert (seen.body, seen.one(b"content-encoding")) == (b"{}", None)
    assert run(gated(script(kind, b'{"a":"' + b"x" * 70_000 + b'"}')), http()).body == b"{}"


@pytest.mark.requirement("STO-05")
@pytest.mark.parametrize("kind", [b"worker", b"sharedworker", b"serviceworker"])
def test_a_workers_script_comes_under_its_visitors_policy(kind: bytes) -> None:
    """For this visitor alone; what a page loads as a script passes untouched."""
    app = script()
    gate = gated(app)
    asked = [(b"sec-fetch-dest", kind)]
    denied = run(gate, http("/w.js", headers=asked))
    assert denied.all(CSP)
    assert b"ads.example" not in denied.all(CSP)[0]
    assert denied.one(b"vary") == b"cookie, sec-gpc, dnt"
    granted = run(gate, http("/w.js", headers=asked, cookie=chosen(gate, choice="accept")))
    assert b"*.ads.example:*" in granted.all(CSP)[0]
    assert denied.body.startswith(TEXT)
    plain = run(gate, http("/w.js", headers=[(b"sec-fetch-dest", b"script")]))
    assert (plain.body, plain.all(CSP), plain.one(b"vary")) == (TEXT, [], None)


@pytest.mark.requirement("STO-05")
def test_a_service_worker_is_another_one_under_another_policy() -> None:
    """A browser keeps its policy until its bytes change: a last line names it."""
    gate = gated(script())
    cookie = chosen(gate, choice="accept")
    before, again = (run(gate, http("/sw.js", headers=SERVICE)).body for _ in range(2))
    after = run(gate, http("/sw.js", headers=SERVICE, cookie=cookie)).body
    assert before == again != after
    older = run(gate, http("/sw.js", headers=[(b"service-worker", b"script")]))
    assert older.body == before
    assert run(gate, http("/w.js", headers=WORKER)).body == TEXT
    head = run(gate, http("/sw.js", method="HEAD", headers=SERVICE))
    assert head.all(CSP)


@pytest.mark.requirement("STO-05")
def test_a_compressed_service_worker_may_reach_what_is_declared() -> None:
    """It cannot be stamped, and a policy of yesterday must not break what is granted today."""
    gate = gated(script(b"text/javascript", TEXT, (b"content-encoding", b"gzip")))
    seen = run(gate, http("/sw.js", headers=SERVICE))
    assert seen.body == TEXT
    assert b"*.ads.example:*" in seen.all(CSP)[0]


@pytest.mark.parametrize(("csp", "name"), [("report-only", CSP + b"-report-only"), ("off", b"")])
def test_a_worker_follows_the_sites_mode(csp: str, name: bytes) -> None:
    """What a site chose for its pages holds for its workers."""
    seen = run(gated(script(), with_site(csp=csp)), http("/sw.js", headers=SERVICE))
    assert [pair[0] for pair in seen.pairs if pair[0].startswith(CSP)] == ([name] if name else [])
    assert seen.body == TEXT


@pytest.mark.requirement("STO-14")
@pytest.mark.parametrize("kind", [b"image/svg+xml", b"text/xml", b"application/atom+xml"])
@pytest.mark.parametrize("csp", ["enforce", "off"])
def test_xml_comes_under_the_strictest_policy_for_everyone(kind: bytes, csp: str) -> None:
    """Opened by itself it is a document; in a page it is a picture, and caches share it."""
    gate = gated(script(kind, b"<svg/>  "), with_site(csp=csp))
    first = run(gate, http("/a.svg"))
    granted = run(gate, http("/a.svg", cookie=chosen(gate, choice="accept")))
    assert first.all(CSP) == granted.all(CSP) != []
    assert b"ads.example" not in first.all(CSP)[0]
    assert (first.body, first.one(b"vary"), first.one(b"cache-control")) == (
        b"<svg/>  ",
        None,
        None,
    )
