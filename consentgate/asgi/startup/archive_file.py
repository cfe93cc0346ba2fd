"""Owns finding and reading the archive of earlier meanings beside a policy file."""

from __future__ import annotations

from pathlib import Path

from consentgate.domain.policy.fingerprints import Meaning
from consentgate.errors import SettingError


def archive_beside(policy: str | Path) -> Path:
    """Where a policy's archive lies: ``consentgate.meanings.json`` beside ``consentgate.toml``."""
    return Path(policy).with_suffix(".meanings.json")


def read_archive(path: Path) -> dict[bytes, tuple[str, Meaning]]:
    """Every meaning of an archive with its policy's version; none where there is no file.

    Raises:
        SettingError: the file is there and cannot be used.
    """
    from consentgate.formats.policy.archive import parse_archive

    try:
        return parse_archive(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{path}: cannot be used: {error}; expected what `consentgate policy archive` writes: "
            "take it from your version control, or remove it, and whoever chose under an earlier "
            "policy is asked again"
        ) from error
