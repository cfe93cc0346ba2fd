"""Owns the tree of errors; never knows a visitor.

ConsentGateError
├── PolicyError (ValueError)        the policy file, all its faults at once
├── SettingError (ValueError)       an option or environment variable
├── SecretError (ValueError)        a signing key is missing or too weak
├── TextsError (ValueError)         a language file is incomplete
├── LookupFailed (RuntimeError)     a place database cannot be used
├── LedgerUnavailable (RuntimeError) nothing durable can be written now
├── ProofError (RuntimeError)       ledger, tree and checkpoints do not fit together
├── RightsError (RuntimeError)      the register of requests refuses, or cannot be used
└── LogError (RuntimeError)         the site log cannot be written or read
"""

from __future__ import annotations

from dataclasses import dataclass


class ConsentGateError(Exception):
    """Whatever consentgate itself raises."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, where, and how to mend it."""

    id: str
    """Stable name such as ``CG104``; docs/policy.md explains each."""
    place: str
    """``consentgate.toml:41: [service.shop]``, as near as is known."""
    message: str
    """What is wrong, what was expected, what to do."""

    def __str__(self) -> str:
        return f"{self.place} {self.message} [{self.id}]"


class PolicyError(ConsentGateError, ValueError):
    """The policy cannot be used; ``faults`` names every reason at once."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class SettingError(ConsentGateError, ValueError):
    """An option or environment variable has no usable value."""


class SecretError(ConsentGateError, ValueError):
    """A signing key is missing or too weak; the key itself is never shown."""


class TextsError(ConsentGateError, ValueError):
    """A language file lacks a key or has another placeholder than English."""


class LookupFailed(ConsentGateError, RuntimeError):
    """A place database cannot be opened or read."""


class LedgerUnavailable(ConsentGateError, RuntimeError):
    """The ledger cannot make an event durable now."""


class ProofError(ConsentGateError, RuntimeError):
    """The ledger, its tree and its checkpoints do not fit together, or a proof is missing."""


class LogError(ConsentGateError, RuntimeError):
    """The site log cannot be written, read or verified."""


class RightsError(ConsentGateError, RuntimeError):
    """The register of requests cannot be written or read, or what is asked of it is refused."""
