"""Owns whether this machine can keep what a policy asks it to keep: clock, disks, proxies."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

from consentgate.asgi.startup.places_on_disk import standing_folder
from consentgate.cli.doctor.symptom import Symptom
from consentgate.domain.policy.policy import Policy
from consentgate.errors import ConsentGateError
from consentgate.ledger.opening import open_ledger

LEAST_FREE_BYTES = 200_000_000


def machine_symptoms(policy: Policy) -> Iterator[Symptom]:
    """Look at the clock, the ledger, the folders and what is said of proxies."""
    yield _clock(policy)
    yield from _ledger(policy)
    kind, _, rest = policy.ledger.url.partition(":")
    if kind == "sqlite":
        yield _room("ledger", str(Path(rest.removeprefix("//")).parent))
    if policy.log.folder:
        yield _room("log", policy.log.folder)
    proxies = policy.regimes.trusted_proxies
    if proxies:
        said = policy.regimes.client_header
        yield Symptom("proxies", f"{', '.join(proxies)} are believed, by {said}")
    else:
        yield Symptom(
            "proxies",
            "none is believed: right where visitors connect to this server itself; behind a proxy "
            "name it in [regimes] trusted_proxies (docs/deploying.md)",
        )


def _clock(policy: Policy) -> Symptom:
    now = dt.datetime.now(dt.UTC)
    built = dt.datetime.fromtimestamp(Path(__file__).stat().st_mtime, dt.UTC)
    if now < built - dt.timedelta(days=1):
        what = f"says {now:%Y-%m-%d %H:%M} UTC, which is before this program was installed"
        return Symptom("clock", f"{what}: choices would expire at the wrong time", is_well=False)
    if policy.effective > now.date():
        what = f"says {now:%Y-%m-%d}; the policy takes effect later, on {policy.effective}"
        return Symptom("clock", f"{what}; until then announce it: [announce]", is_well=False)
    return Symptom("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def _ledger(policy: Policy) -> Iterator[Symptom]:
    url = policy.ledger.url
    if url.startswith("memory:"):
        what = "memory: choices are proven until the process ends; name a file in production"
        yield Symptom("ledger", what, is_well=False)
        return
    try:
        ledger = open_ledger(url)
        try:
            count = len(list(ledger.meanings()))
        finally:
            ledger.close()
    except (ConsentGateError, OSError) as error:
        yield Symptom("ledger", f"{url}: {error}", is_well=False)
        return
    yield Symptom("ledger", f"{url}: opens; {count} policies have been in force")


def _room(part: str, folder: str) -> Symptom:
    free = shutil.disk_usage(standing_folder(folder)).free
    what = f"{folder}: {free // 1_000_000:,} MB are free"
    if free < LEAST_FREE_BYTES:
        return Symptom(part, f"{what}; a full disk means that nothing can be granted", False)
    return Symptom(part, what)
