"""Owns what each verb's help shows of its use."""

from __future__ import annotations

from collections.abc import Mapping

_REF = "4f2a90c1d7e84b3a9c5d6e7f80912ab3"
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "audit": (
        "audit http://127.0.0.1:8000",
        "audit https://shop.example --html audit.html --policy consentgate.toml",
        "audit https://shop.example --write-policy found.toml",
    ),
    "check": ("check", "check deploy/policy.toml --strict", "check --json"),
    "doctor": ("doctor", "doctor deploy/policy.toml --app shop.main:app", "doctor --json"),
    "init": ("init", "init deploy/policy.toml --app shop.main:app"),
    "ledger": ("ledger verify", "ledger show " + _REF),
    "ledger checkpoint": ("ledger checkpoint --publish /mnt/kept/checkpoint",),
    "ledger export": ("ledger export evidence-2026",),
    "ledger keygen": ("ledger keygen shop.example/ledger --output proof.key",),
    "ledger prune": ("ledger prune --dry-run", "ledger prune"),
    "ledger restore": ("ledger restore evidence-2026 --to restored.sqlite3",),
    "ledger show": ("ledger show " + _REF, "ledger show " + _REF + " --json"),
    "ledger verify": ("ledger verify", "ledger verify --json"),
    "log": ("log fields", "log prune"),
    "log compact": ("log compact",),
    "log erase": ("log erase --subject " + _REF,),
    "log export": ("log export --to csv --output visits.csv", "log export --to combined"),
    "log export-subject": ("log export-subject --subject " + _REF,),
    "log fields": ("log fields", "log fields --policy consentgate.toml --json"),
    "log keygen": ("log keygen officer.pem",),
    "log migrate": ("log migrate",),
    "log minimise": (
        "log minimise access.log --output minimised",
        "log minimise --as combined access.log.1.gz",
    ),
    "log prune": ("log prune --dry-run", "log prune"),
    "log reveal": (
        "log reveal --key officer.pem --day 2026-11-20 --ip-token 9f2c --reason 'case 4711'",
    ),
    "log reveals": ("log reveals",),
    "log verify": ("log verify", "log verify --json"),
    "policy": ("policy diff consentgate.toml new.toml", "policy archive consentgate.toml"),
    "receipt": ("receipt verify receipt.json",),
    "regimes": ("regimes", "regimes DE US-CA", "regimes --on 2027-01-01 --json"),
    "rights": ("rights list", "rights show R-7K2MPQ", "rights export R-7K2MPQ --output copy.json"),
    "schema": ("schema > policy.schema.json",),
    "services": ("services analytics", "services stripe", "services --json"),
}
"""The words of a verb to calls of the command."""


def examples_of(words: str) -> str:
    """What the help of a verb says at its end; empty where there is nothing to show."""
    lines = EXAMPLES.get(words, ())
    return "examples:\n" + "\n".join(f"  consentgate {line}" for line in lines) if lines else ""
