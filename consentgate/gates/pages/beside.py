"""Owns which answers are gated in their bytes without being pages, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from consentgate.formats.headers import Headers
from consentgate.gates.outcomes import Outcome
from consentgate.gates.pages.documents import Kind
from consentgate.gates.pages.rules import Rules, open_rules
from consentgate.gates.pages.workers import Stamp, open_worker
from consentgate.gates.request import Request

BESIDE: Mapping[
    Kind, Callable[[Headers, Outcome, Request], tuple[Headers, Stamp | Rules | None]]
] = MappingProxyType({Kind.PROGRAM: open_worker, Kind.RULES: open_rules})
"""Kind of an answer to what gives its headers, and what its bytes go through; None: nothing."""
