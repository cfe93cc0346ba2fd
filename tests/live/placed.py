"""The site of ``tests/live/site`` with a place database that is looked at on every request."""

from __future__ import annotations

import os
from dataclasses import replace

from starlette.applications import Starlette

from consentgate import ConsentGate
from consentgate.domain.policy.policy import LedgerSettings, LogSettings, RegimeSettings
from consentgate.lookup.places import PlaceDatabase
from tests.policies import SHOP


def make() -> ConsentGate:
    """The gate alone; PLACES names the database."""
    policy = replace(
        SHOP,
        ledger=LedgerSettings(url="memory:"),
        log=LogSettings(access_log="mute"),
        regimes=RegimeSettings(trusted_proxies=("127.0.0.0/8",)),
    )
    places = PlaceDatabase(os.environ["PLACES"], look_every_seconds=0)
    return ConsentGate(Starlette(), policy=policy, places=places)
