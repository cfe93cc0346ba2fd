"""Reports of the second policy: what is learned, what is not, and what is not taken."""

from __future__ import annotations

import json

import pytest

from consentgate.asgi.recording.csp_reports import REPORTS_A_MINUTE
from tests.asgi.raw import Exchange, gated, page, post, run
from tests.policies import with_site

ADDRESS = "/privacy-choices/reports"
OLD = b"application/csp-report"
NEW = b"application/reports+json"


def report(
    gate: object, document: object, media_type: bytes = OLD, *, proxied_for: bytes = b""
) -> Exchange:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    scope, sent = post(ADDRESS, raw, media_type=media_type, site=None)
    if proxied_for:
        headers = [*scope["headers"], (b"x-forwarded-for", proxied_for)]
        scope = {**scope, "headers": headers, "client": ("10.0.0.7", 1)}
    return run(gate, scope, sent)  # type: ignore[arg-type]  # an ASGI app


def old(blocked: str, directive: str = "img-src") -> dict[str, object]:
    page_seen = "https://shop.example/secret?mail=a@b.example"
    return {
        "csp-report": {
            "blocked-uri": blocked,
            "effective-directive": directive,
            "document-uri": page_seen,
            "referrer": page_seen,
        }
    }


def new(*blocked: str) -> list[dict[str, object]]:
    return [
        {
            "type": "csp-violation",
            "user_agent": "Secret/1",
            "body": {"blockedURL": url, "effectiveDirective": "script-src-elem"},
        }
        for url in blocked
    ]


@pytest.mark.requirement("TPD-01", "LOG-11")
def test_an_undeclared_host_is_named_once_with_the_lines_to_add(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In both formats; of the visitor and the page nothing is shown or given back."""
    gate = gated(page())
    for _ in range(2):
        seen = report(gate, old("https://px.unknown.example/i?uid=42"))
        assert (seen.status, seen.body) == (204, b"")
    report(gate, new("https://px.unknown.example/", "wss://other.example/s"), NEW)
    assert caplog.text.count('"px.unknown.example", and the browser reports it (img-src)') == 1
    assert "[service.px-unknown-example]" in caplog.text
    assert "purposes = []" in caplog.text
    assert 'hosts = ["other.example"]' in caplog.text
    for secret in ("uid=42", "secret", "a@b.example", "Secret/1"):
        assert secret not in caplog.text
    assert gate.assembly.faults.counts["undeclared_host"] == 4


def test_what_is_declared_or_ours_needs_no_word(caplog: pytest.LogCaptureFixture) -> None:
    """A declared host was blocked as it should be; inline code and data name no host."""
    gate = gated(page(), with_site(same_party=("cdn.own.example", "*.img.example")))
    for blocked in (
        "https://cdn.ads.example/",
        "https://cdn.own.example/a",
        "https://a.img.example/a",
        "inline",
        "eval",
        "data",
        "",
        "https://shop.example/a",
    ):
        assert report(gate, old(blocked)).status == 204
    assert "undeclared host" not in caplog.text
    assert gate.assembly.faults.counts["blocked_host"] == 1
    assert gate.assembly.faults.counts["undeclared_host"] == 0


def test_production_only_counts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody fills its log from outside."""
    monkeypatch.setenv("CONSENTGATE_SECRET", "R7vQ2mXk9LwZ4tYc8NfB1sHj6GdP3aEu-k")
    gate = gated(page(), development=False)
    report(gate, old("https://unknown.example/"))
    assert gate.assembly.faults.counts["undeclared_host"] == 1
    assert "unknown.example" not in caplog.text


@pytest.mark.parametrize(
    ("raw", "media_type", "status"),
    [
        (b"{", OLD, 400),
        (b"\xff", OLD, 400),
        (b"[" * 9_000, OLD, 400),
        (b'{"a":1}' * 9_000, OLD, 413),
        (b"a=1", b"text/plain", 415),
        (b"[1, null, {}]", NEW, 204),
        (b'{"csp-report": {"blocked-uri": 3, "effective-directive": []}}', OLD, 204),
        (b'[{"type":"deprecation","body":{"blockedURL":"https://x.example"}}]', NEW, 204),
    ],
)
def test_hostile_reports_end_in_a_plain_answer(raw: bytes, media_type: bytes, status: int) -> None:
    """Bounded, of two media types, never raising."""
    gate = gated(page())
    assert report(gate, raw, media_type).status == status
    assert gate.assembly.faults.counts["undeclared_host"] == 0


def test_one_client_may_report_so_much_a_minute() -> None:
    """Then 429, and nothing is heard."""
    gate = gated(page())
    statuses = [report(gate, old("inline")).status for _ in range(REPORTS_A_MINUTE + 1)]
    assert statuses == [204] * REPORTS_A_MINUTE + [429]


def test_clients_behind_an_unnamed_proxy_are_told_apart() -> None:
    """One page that reports much ends in no error on everybody's console."""
    gate = gated(page())
    for _ in range(REPORTS_A_MINUTE):
        assert report(gate, old("inline"), proxied_for=b"198.51.100.1").status == 204
    assert report(gate, old("inline"), proxied_for=b"198.51.100.1").status == 429
    assert report(gate, old("inline"), proxied_for=b"198.51.100.2").status == 204
