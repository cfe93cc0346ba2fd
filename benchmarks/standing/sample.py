"""Owns which services stand for all in a short run: one of every kind of tag."""

from __future__ import annotations

SAMPLE = (
    "google-analytics",  # two scripts, the second with a signature
    "google-tag-manager",  # serves two purposes; a frame without script
    "facebook-pixel",  # a pixel without script
    "linkedin-insight",  # a loader without a signature
    "intercom",  # a loader that waits for the page
    "hotjar",  # an address in two parts
    "youtube",  # a frame that a visitor sees
    "google-fonts",  # connections opened ahead, a style sheet
    "stripe",  # necessary: never held
    "crisp",  # WebSockets
)
"""Keys of services whose lines are at hand."""
