"""Owns whether the keys that sign choices are worth their name; never shows one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from consentgate.asgi.startup.signing import SECRET, is_development, signing_keys, weakness
from consentgate.cli.doctor.symptom import Symptom
from consentgate.errors import SecretError

_MAKE_ONE = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'


def secret_symptoms(environment: Mapping[str, str] = os.environ) -> Iterator[Symptom]:
    """Look at the keys and their file; what ends the start is all that is told then."""
    path = environment.get(f"{SECRET}_FILE", "")
    if not path and not environment.get(SECRET) and is_development(environment):
        yield Symptom("secret", f"none: fine in development; production needs {SECRET}")
        return
    try:
        keys = signing_keys(environment, development=False)
    except SecretError as error:
        yield Symptom("secret", str(error), is_well=False)
        return
    count = len(keys)
    for number, key in enumerate(reversed(keys), start=1):
        if weakness(key):
            yield Symptom("secret", f"key {number} {weakness(key)}; {_MAKE_ONE}", is_well=False)
    if path and os.stat(path).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Symptom("secret", f"{path} is open to others; chmod 600 {path}", is_well=False)
    yield Symptom("secret", f"{count} key{'s' if count > 1 else ''}, the newest signs")
