"""Owns reading the shipped texts from the package."""

from __future__ import annotations

import json
from importlib.resources import files

from consentgate.errors import TextsError


def load_texts() -> dict[str, dict[str, str]]:
    """Read every shipped language: tag to text key to text.

    Raises:
        TextsError: a file is not a JSON object of texts.
    """
    texts = {}
    for entry in (files("consentgate") / "data" / "texts").iterdir():
        if entry.name.endswith(".json"):
            try:
                table = json.loads(entry.read_text(encoding="utf-8"))
                texts[entry.name.removesuffix(".json")] = {str(k): str(table[k]) for k in table}
            except (ValueError, TypeError) as error:
                raise TextsError(f"data/texts/{entry.name}: {error}") from error
    return texts
