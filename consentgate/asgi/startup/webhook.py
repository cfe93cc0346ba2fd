"""Owns opening the webhook that a policy names; never sends one."""

from __future__ import annotations

from pathlib import Path

from consentgate.asgi.faults import Faults
from consentgate.asgi.startup.signing import webhook_secrets
from consentgate.asgi.telling.webhooks import Webhook
from consentgate.domain.policy.policy import Policy
from consentgate.errors import SettingError
from consentgate.ledger import Ledger


def open_webhook(policy: Policy, ledger: Ledger, faults: Faults) -> Webhook | None:
    """Open the policy's webhook; None where it names none.

    Raises:
        SecretError: there is nothing to sign with.
        SettingError: the file that says how far it has followed cannot be had.
    """
    settings = policy.webhook
    if not settings.url:
        return None
    secrets = webhook_secrets()
    place = settings.progress or _beside(policy.ledger.url)
    try:
        return Webhook(settings, secrets, ledger, faults, path=Path(place))
    except (OSError, ValueError) as error:
        raise SettingError(f"[webhook] progress: {error}") from error


def _beside(url: str) -> str:
    kind, _, path = url.partition(":")
    if kind != "sqlite":
        raise SettingError(
            f'[webhook] progress: expected a file, since [ledger] url = "{url}" names none'
        )
    return f"{path.removeprefix('//')}.webhook"
