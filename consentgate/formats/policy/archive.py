"""Owns the archive: a file beside the policy that says what earlier policies meant.

A token names the meaning it was made under by its hash alone. A gate that does not know that
meaning asks again, so a machine with a fresh disk is given the earlier ones with the policy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from consentgate.domain.policy.fingerprints import Meaning

SCHEMA = "cg-meanings-1"


def render_archive(meanings: Mapping[bytes, tuple[str, Meaning]]) -> str:
    """Write an archive: one line a meaning, so that a change of policy is one line of a diff.

    Args:
        meanings: the version of the policy that first had it, and the meaning, under its hash.
    """
    rows = [
        json.dumps(
            {"hash": name.hex(), "version": version, "meaning": json.loads(meaning.to_json())},
            ensure_ascii=False,
        )
        for name, (version, meaning) in meanings.items()
    ]
    lines = ",\n    ".join(rows)
    return f'{{\n  "schema": "{SCHEMA}",\n  "meanings": [\n    {lines}\n  ]\n}}\n'


def parse_archive(text: str) -> dict[bytes, tuple[str, Meaning]]:
    """Read an archive; a meaning that is not the one its hash names is not believed.

    Raises:
        ValueError: it is no archive, or was changed by hand.
    """
    found: dict[bytes, tuple[str, Meaning]] = {}
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        for row in document["meanings"]:
            meaning = Meaning.from_json(json.dumps(row["meaning"]))
            if meaning.hash.hex() != row["hash"]:
                raise ValueError(f"the meaning under {row['hash']} has another hash")
            found[meaning.hash] = (str(row["version"]), meaning)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it lacks {error}") from error
    return found
