"""Owns whether the gate of an app stands where it must, and who else remembers visitors there."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from consentgate.asgi.gate import ConsentGate
from consentgate.asgi.startup.order import outside
from consentgate.asgi.startup.signing import ENVIRONMENT
from consentgate.asgi.telling.hearing import untold
from consentgate.cli.doctor.symptom import Symptom
from consentgate.errors import SettingError
from consentgate.log.writing.server_loggers import leaks


def app_symptoms(name: str) -> Iterator[Symptom]:
    """Load an app, find its gate and what stands around it.

    Args:
        name: as servers take it: ``module:attribute``.
    """
    try:
        app = load_app(name)
    except SettingError as error:
        yield Symptom("app", str(error), is_well=False)
        return
    stack = getattr(app, "user_middleware", None) or ()
    has_gate = any(getattr(one, "cls", None) is ConsentGate for one in stack)
    if not has_gate and not isinstance(app, ConsentGate) and not _wraps(app):
        what = f"{name}: no gate was found; add it last, so that it is outermost"
        yield Symptom("app", what, is_well=False)
        return
    others = list(outside({"app": app}, ConsentGate))
    for other in others:
        what = f"{other} stands outside the gate: what it sets passes unseen; add the gate last"
        yield Symptom("app", what, is_well=False)
    if not others:
        yield Symptom("app", f"{name}: the gate is outermost")
    for sentence in (*leaks(), *untold()):
        yield Symptom("app", sentence, is_well=False)


def _wraps(app: Any) -> bool:
    inner = getattr(app, "app", None) or getattr(app, "asgi_app", None)
    return isinstance(inner, ConsentGate)


def load_app(name: str) -> Any:
    """Import an app, so that nothing is written meanwhile.

    Raises:
        SettingError: it cannot be imported, and why.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise SettingError(f'--app {name}: expected module and attribute, such as "main:app"')
    with _as_a_test():
        try:
            app: Any = importlib.import_module(module)
            for part in attribute.split("."):
                app = getattr(app, part)
        except Exception as error:  # whatever the app's own code raises
            what = f"--app {name}: cannot be imported: {type(error).__name__}: {error}"
            raise SettingError(what) from error
    return app


@contextmanager
def _as_a_test() -> Iterator[None]:
    """The folder of the command is where modules are found, and the gate writes no file."""
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = "test"
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path.remove(os.getcwd())
        if before is None:
            del os.environ[ENVIRONMENT]
        else:
            os.environ[ENVIRONMENT] = before
