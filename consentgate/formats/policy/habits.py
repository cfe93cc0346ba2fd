"""Owns what people write out of other tools' habits: secrets in the file, regular expressions.

Never knows the rest of the policy.
"""

from __future__ import annotations

import re

_SECRETS = frozenset(
    ("secret", "secrets", "secret_key", "signing_key", "key", "keys", "password", "token_secret")
)
_REGEX = re.compile(r"\A\^|\$\Z|\\|\.\+")
_LEDGER = re.compile(r"memory:.*|sqlite:.+|postgres(ql)?(\+\w+)?:.+", re.DOTALL)


def secret_problem(key: str) -> str:
    """What to say of a key that holds a secret elsewhere; empty: it does not."""
    if key.lower() not in _SECRETS:
        return ""
    return (
        f"{key}: secrets never stand in the policy, which people share and commit; take it out and "
        "set the environment variable CONSENTGATE_SECRET, or name its file in "
        "CONSENTGATE_SECRET_FILE"
    )


def regex_problem(kind: str, name: str) -> str:
    """What to say of a name that was written as a regular expression; empty: it was not.

    Args:
        kind: ``cookie`` or ``storage``.
        name: as it stands in the file.
    """
    if not _REGEX.search(name):
        return ""
    plain = re.sub(r"[\^$\\()\[\]]", "", re.sub(r"\.[*+]", "*", name)).strip()
    meant = f'; did you mean "{plain}"?' if plain.strip("*") else ""
    return (
        f'{kind} "{name}" looks like a regular expression; expected a plain name, a star for any '
        f"characters, a question mark for one{meant}"
    )


def ledger_problem(url: str) -> str:
    """What to say of a ledger's URL that names no ledger; empty: it may."""
    if _LEDGER.fullmatch(url):
        return ""
    return f'url = "{url}": expected "sqlite:PATH" or "memory:"'
