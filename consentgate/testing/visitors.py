"""Owns visitors for tests: their choice was made before, and is carried as a browser carries it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from consentgate.domain.choices import Choice
from consentgate.domain.policy.policy import Policy
from consentgate.errors import SettingError
from consentgate.testing.gates import gate_of

if TYPE_CHECKING:
    from starlette.testclient import TestClient

Granted = bool | Iterable[str]
"""True: everything. False: everything was refused. Keys: these purposes and services alone."""


def cookies(app: Any, granted: Granted) -> dict[str, str]:
    """The cookies of a visitor who has chosen, for any client: name to value.

    Over HTTP and over HTTPS the cookie has different names; both are here. A visitor who has not
    chosen has none.

    Args:
        app: the app with its gate.
        granted: what was granted.

    Raises:
        SettingError: the app has no gate, or the policy no such purpose or service.
    """
    assembly = gate_of(app).assembly
    choice = _choice(assembly.policy, granted)
    token = assembly.reader.codec.sign(choice, assembly.plan.meaning)
    return {name.decode(): token for name in assembly.plan.token_names}


def _choice(policy: Policy, granted: Granted) -> Choice:
    optional = [purpose.key for purpose in policy.optional_purposes]
    if isinstance(granted, bool):
        keys, services = set(optional) if granted else set(), set()
    else:
        keys = set(granted)
        services = keys & set(policy.service_by_key)
        keys -= services
    unknown = keys - set(policy.purpose_by_key)
    if unknown:
        known = ", ".join((*policy.purpose_by_key, *policy.service_by_key))
        raise SettingError(
            f'consentgate.testing: the policy has no purpose or service "{min(unknown)}"; '
            f"it has {known}"
        )
    is_grant = bool(keys & set(optional) or services)
    return Choice(
        made_at=int(time.time()),
        purposes=MappingProxyType({key: key in keys for key in optional}),
        services=MappingProxyType(dict.fromkeys(services, True)),
        id=secrets.token_hex(16) if is_grant else "",
    )


def client(
    app: Any,
    granted: Granted | None = None,
    *,
    gpc: bool = False,
    dnt: bool = False,
    **options: Any,
) -> TestClient:
    """Starlette's test client, used by such a visitor.

    Args:
        app: the app with its gate.
        granted: what was granted; None: the visitor has not chosen.
        gpc: whether the browser states Global Privacy Control.
        dnt: whether it states Do Not Track.
        options: of ``starlette.testclient.TestClient``.

    Raises:
        SettingError: as ``cookies``.
    """
    from starlette.testclient import TestClient

    made = TestClient(app, **options)
    if granted is not None:
        made.cookies.update(cookies(app, granted))
    signals = {"sec-gpc": gpc, "dnt": dnt}
    made.headers.update({name: "1" for name, is_stated in signals.items() if is_stated})
    return made


def browser_cookies(app: Any, address: str, granted: Granted) -> list[dict[str, Any]]:
    """The same for a real browser: ``context.add_cookies(...)`` of Playwright takes it.

    Args:
        app: the app with its gate, in this process or with the same CONSENTGATE_SECRET.
        address: where the browser reaches the site, such as ``http://127.0.0.1:8000``.
        granted: what was granted.

    Raises:
        SettingError: as ``cookies``.
    """
    is_secure = urlsplit(address).scheme == "https"
    return [
        {
            "name": name,
            "value": value,
            "url": address,
            "httpOnly": True,
            "secure": is_secure,
            "sameSite": "Lax",
        }
        for name, value in cookies(app, granted).items()
        if name.startswith("__Host-") is is_secure
    ]
