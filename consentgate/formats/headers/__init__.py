"""Owns the values of single header fields, and the shape of header pairs."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]
"""Header pairs as an ASGI message carries them: name and value in bytes, in order."""
