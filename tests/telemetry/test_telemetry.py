"""Telemetry follows the decision, wherever it sits: real OpenTelemetry and real Sentry."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from opentelemetry.instrumentation._semconv import (
    _OpenTelemetrySemanticConventionStability as Conventions,
)
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from starlette.middleware.base import BaseHTTPMiddleware

from consentgate.asgi.telling import hearing
from consentgate.telemetry import ConsentSpanProcessor, follow_consent
from consentgate.telemetry.fields import cut
from tests.asgi import raw
from tests.asgi.raw import http, run

pytestmark = pytest.mark.filterwarnings("ignore:The send_default_pii option")

SECRETS = ("192.0.2.7", "Agent/9", "mail=a", "from.example", "s3cret", "50000")
SEEN = [
    (b"user-agent", b"Agent/9"),
    (b"referer", b"https://from.example/?mail=a"),
    (b"x-forwarded-for", b"192.0.2.7"),
]


@pytest.fixture(autouse=True)
def nobody_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts without telemetry that follows."""
    monkeypatch.setattr(hearing, "_hearers", found := {})
    monkeypatch.setattr("consentgate.asgi.gate.hearers", found.values())


def _scope(cookie: str = "") -> raw.Scope:
    cookies = f"session=s3cret; {cookie}"
    return http("/teapots", query=b"mail=a", headers=SEEN, cookie=cookies)


def _spans(cookie: str, provider: TracerProvider, *, is_outside: bool) -> None:
    app: Any = raw.json_answer()
    if is_outside:
        gate = raw.gated(app)
        site: Any = OpenTelemetryMiddleware(gate, tracer_provider=provider)
    else:
        site = gate = raw.gated(OpenTelemetryMiddleware(app, tracer_provider=provider))
    carried = raw.chosen(gate, choice=cookie) if cookie else ""
    run(site, _scope(carried))


@pytest.fixture(params=["", "http", "http/dup"])
def exported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What is exported under the old conventions, the new ones, and both."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", request.param)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    monkeypatch.setattr(Conventions, "_initialized", False)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(ConsentSpanProcessor(SimpleSpanProcessor(exporter)))
    yield exporter, provider
    provider.shutdown()


def _text(exporter: InMemorySpanExporter) -> str:
    spans = [span for span in exporter.get_finished_spans() if "privacy" not in span.name]
    return "\n".join(json.dumps([span.name, dict(span.attributes or {})]) for span in spans)


@pytest.mark.parametrize("is_outside", [True, False])
@pytest.mark.parametrize("choice", ["", "reject"])
def test_spans_of_who_granted_nothing_tell_nobody_apart(
    choice: str, is_outside: bool, exported: Any
) -> None:
    """Address, query, agent, referrer and cookies go; route, method and status stay."""
    exporter, provider = exported
    _spans(choice, provider, is_outside=is_outside)
    text = _text(exporter)
    assert [secret for secret in SECRETS if secret in text] == []
    assert "/teapots" in text
    assert "200" in text


@pytest.mark.parametrize("is_outside", [True, False])
def test_spans_of_who_granted_it_stay_whole(is_outside: bool, exported: Any) -> None:
    """What the instrumentation recorded is exported."""
    exporter, provider = exported
    _spans("accept", provider, is_outside=is_outside)
    text = _text(exporter)
    assert [secret for secret in SECRETS[:3] if secret not in text] == []


def test_a_processor_is_shut_down_and_flushed_like_its_own() -> None:
    """Batches in the inner one are not lost."""

    calls: list[str] = []

    class Inner(SimpleSpanProcessor):
        def shutdown(self) -> None:
            calls.append("shutdown")

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            calls.append("flush")
            return True

    inner = Inner(InMemorySpanExporter())
    processor = ConsentSpanProcessor(inner)
    assert processor.force_flush()
    processor.shutdown()
    assert calls == ["flush", "shutdown"]


async def boom(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("teapot")


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What Sentry would send."""
    events: list[dict[str, Any]] = []
    follow = follow_consent()

    def keep(event: Any, hint: Any) -> None:
        events.append(follow(event, hint))

    sentry_sdk.init(
        dsn="https://key@sentry.example/1",
        traces_sample_rate=1.0,
        send_default_pii=True,
        before_send=keep,
        before_send_transaction=keep,
        default_integrations=False,
    )
    yield events
    sentry_sdk.init()


def _site(kind: str, app: Any) -> tuple[Any, Any]:
    if kind == "behind":
        gate = raw.gated(SentryAsgiMiddleware(app))
        return gate, gate
    gate = raw.gated(app)
    if kind == "outside, a task between":

        async def between(request: Any, call_next: Any) -> Any:
            return await call_next(request)

        return gate, SentryAsgiMiddleware(BaseHTTPMiddleware(gate, dispatch=between))
    return gate, SentryAsgiMiddleware(gate)


@pytest.mark.parametrize("kind", ["outside", "behind", "outside, a task between"])
@pytest.mark.parametrize("choice", ["", "reject"])
def test_events_of_who_granted_nothing_tell_nobody_apart(
    kind: str, choice: str, heard: list[dict[str, Any]]
) -> None:
    """The error is heard of, with its place in the code; who met it is not."""
    gate, site = _site(kind, boom)
    cookie = raw.chosen(gate, choice=choice) if choice else ""
    heard.clear()
    run(site, _scope(cookie))
    assert {event.get("type", "error") for event in heard} == {"error", "transaction"}
    for event in heard:
        told = {name: event[name] for name in event if name not in ("exception", "breadcrumbs")}
        text = json.dumps(told, default=str)
        assert [secret for secret in SECRETS if secret in text] == []
        assert event["request"]["url"].endswith("/teapots")
    (error,) = [event for event in heard if "exception" in event]
    assert error["exception"]["values"][0]["value"] == "teapot"


@pytest.mark.parametrize("kind", ["outside", "behind"])
def test_events_of_who_granted_it_stay_whole(kind: str, heard: list[dict[str, Any]]) -> None:
    """Query, agent and address are there, and the next visitor's event is not theirs."""
    gate, site = _site(kind, boom)
    cookie = raw.chosen(gate, choice="accept")
    heard.clear()
    run(site, _scope(cookie))
    assert "192.0.2.7" in json.dumps(heard, default=str)
    heard.clear()
    run(site, _scope())
    assert "Agent/9" not in json.dumps([event["request"] for event in heard], default=str)


def test_telemetry_that_does_not_follow_is_told_of_at_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each once, with the lines to add; nothing is said where it follows."""
    sentry_sdk.init(dsn="https://key@sentry.example/1", default_integrations=False)
    with caplog.at_level(logging.WARNING, "consentgate"):
        run(raw.gated(raw.page()), http())
    assert "consentgate.telemetry.ConsentSpanProcessor" in caplog.text
    assert "consentgate.telemetry.follow_consent()" in caplog.text
    caplog.clear()
    follow_consent()
    ConsentSpanProcessor(SimpleSpanProcessor(InMemorySpanExporter()))
    run(raw.gated(raw.page()), http())
    assert "telemetry" not in caplog.text
    sentry_sdk.init()


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("https://u:p@shop.example/a?b#c", "https://shop.example/a"),
        ("/a?b=c", "/a"),
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/a/@b", "https://shop.example/a/@b"),
        ("", ""),
    ],
)
def test_an_address_keeps_its_path(address: str, left: str) -> None:
    """Query, fragment, user and password go."""
    assert cut(address) == left
