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
        "log minimise access.log* --host shop.example --output minimised.jsonl",
        "log minimise --as combined access.log.1.gz",
    ),
    "log prune": ("log prune --dry-run", "log prune"),
    "log reveal": (
        "log reveal --key officer.pem --day 2026-11-20 --ip-token 9f2c --reason 'case 4711'",
    ),
    "log reveals": ("log reveals",),
    "log verify": ("log verify", "log verify --json"),
    "policy": ("policy diff consentgate.toml new.toml",),
    "receipt": ("receipt verify receipt.json",),
    "regimes": ("regimes", "regimes DE US-CA", "regimes --on 2027-01-01 --json"),
    "report": (
        "report",
        "report --list",
        "report overview pages --from 2026-11",
        "report --from 2026-11 --to html --output november.html",
        "report pages --source search --device mobile",
        "report consent --to csv > consent.csv",
    ),
    "rights": ("rights list", "rights export " + _REF + " --output data.json"),
    "rights answer": ("rights answer R-2026-0001 --language de",),
    "rights demand": (
        "rights demand " + _REF + " --issuer 'Court of Utrecht' --scope 'choices of November'",
    ),
    "rights deny": ("rights deny R-2026-0001 --why 'asked twice in a week'",),
    "rights disclosures": ("rights disclosures " + _REF, "rights disclosures " + _REF + " --json"),
    "rights erase": ("rights erase " + _REF + " --hooks shop.privacy",),
    "rights export": (
        "rights export " + _REF + " --output data.json",
        "rights export " + _REF + " --to auditor --fields time,purposes --why 'yearly audit'",
    ),
    "rights extend": ("rights extend R-2026-0001 --why 'records of four years'",),
    "rights hold": ("rights hold " + _REF + " --why 'case 4711'",),
    "rights list": ("rights list", "rights list --all --json"),
    "rights release": ("rights release " + _REF + " --why 'case 4711 is over'",),
    "rights show": ("rights show R-2026-0001", "rights show " + _REF),
    "rights take": ("rights take erasure " + _REF + " --regime DE --language de",),
    "schema": ("schema > policy.schema.json",),
    "services": ("services analytics", "services stripe", "services --json"),
}
"""The words of a verb to calls of the command."""


def examples_of(words: str) -> str:
    """What the help of a verb says at its end; empty where there is nothing to show."""
    lines = EXAMPLES.get(words, ())
    return "examples:\n" + "\n".join(f"  consentgate {line}" for line in lines) if lines else ""
