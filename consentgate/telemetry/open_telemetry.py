"""Owns OpenTelemetry's spans: what leaves of them follows the decision for their request."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanKind

from consentgate.asgi.telling.hearing import OPEN_TELEMETRY, hear
from consentgate.domain.decision import Decision
from consentgate.telemetry.decided import allows, remember
from consentgate.telemetry.fields import without_visitor

MARK = "consentgate.granted"
"""Attribute of spans that stay whole: the purpose that the visitor granted."""


class ConsentSpanProcessor(SpanProcessor):
    """Hands spans on, without what tells a visitor apart who did not grant the purpose.

    Put it around the processor that exports::

        provider.add_span_processor(ConsentSpanProcessor(BatchSpanProcessor(exporter)))

    It does not matter whether the instrumentation stands outside the gate or behind it.
    """

    def __init__(self, inner: SpanProcessor, *, purpose: str = "statistics") -> None:
        """Follow the decision from now on.

        Args:
            inner: gets every span.
            purpose: what a visitor must have granted for spans to stay whole.
        """
        self._inner = inner
        self._purpose = purpose
        hear(OPEN_TELEMETRY, self._hear)

    def _hear(self, decision: Decision) -> None:
        """Note a decision for spans to come, and mark the span around the gate."""
        remember(decision)
        if decision.allows(self._purpose):
            trace.get_current_span().set_attribute(MARK, self._purpose)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Mark a span that starts behind the gate."""
        if allows(self._purpose):
            span.set_attribute(MARK, self._purpose)
        self._inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand a span on that has ended."""
        is_ours = span.kind is not SpanKind.CLIENT  # what the app asks of others is no visitor's
        is_granted = (span.attributes or {}).get(MARK) == self._purpose
        self._inner.on_end(_without_visitor(span) if is_ours and not is_granted else span)

    def shutdown(self) -> None:
        """Shut the inner processor down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the inner processor export what it holds."""
        return self._inner.force_flush(timeout_millis)


def _without_visitor(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=without_visitor(span.attributes or {}),
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
