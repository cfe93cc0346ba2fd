"""``consentgate schema``: prints the JSON Schema of the policy file, for editors."""

from __future__ import annotations

import argparse
import json
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments: none."""


def policy_schema() -> dict[str, Any]:
    """The schema, made from the shape that the check itself uses."""
    from consentgate.formats.policy.shape import PolicyTable

    schema = PolicyTable.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "consentgate policy",
    }


def run(options: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps(policy_schema(), indent=2, sort_keys=True))
    return 0
