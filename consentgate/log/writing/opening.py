"""Owns which sink the policy's ``[log]`` names."""

from __future__ import annotations

from consentgate.domain.policy.policy import LogSettings
from consentgate.log import RecordSink
from consentgate.log.writing.segment import NoFile, SegmentFile
from consentgate.log.writing.standard_output import NAME as STANDARD_OUTPUT
from consentgate.log.writing.standard_output import StandardOutput


def open_sink(settings: LogSettings) -> RecordSink:
    """Open the folder, or standard output; where neither is named nothing is written."""
    if settings.directory == STANDARD_OUTPUT:
        return StandardOutput()
    if not settings.directory:
        return NoFile()
    return SegmentFile(settings.directory, durability=settings.durability)
