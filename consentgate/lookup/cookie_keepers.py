"""Owns which known service keeps cookies of given names; never knows who set them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

_NECESSARY = ["necessary"]


class CookieKeepers:
    """The services of the catalogue by the plain names of their cookies."""

    def __init__(self, catalogue: Mapping[str, Mapping[str, Any]]) -> None:
        """Prepare.

        Args:
            catalogue: known services by key.
        """
        self._keepers: dict[str, list[str]] = {}
        self._catalogue = catalogue
        for key, entry in catalogue.items():
            for item in entry.get("cookies", ()):
                name = item if isinstance(item, str) else item["name"]
                self._keepers.setdefault(name, []).append(key)

    def of(self, names: Collection[str], packages: Collection[str]) -> dict[str, list[str]]:
        """Tell the names apart by the service that most likely keeps them.

        The service that keeps most of the names comes first; of several that keep the same, one
        whose package the app has loaded, else one that sites cannot do without, else nobody.

        Args:
            names: of cookies.
            packages: names of modules that are loaded.

        Returns:
            Key of the catalogue to its names; what no service keeps for sure is left out.
        """
        left = list(dict.fromkeys(names))
        found: dict[str, list[str]] = {}
        while key := self._best(left, packages):
            found[key] = [name for name in left if key in self._keepers.get(name, ())]
            left = [name for name in left if name not in found[key]]
        return found

    def _best(self, names: Iterable[str], packages: Collection[str]) -> str:
        counts = Counter(key for name in names for key in self._keepers.get(name, ()))
        if not counts:
            return ""
        most = max(counts.values())
        best = [key for key, count in counts.items() if count == most]
        loaded = [key for key in best if key in packages]
        needed = [key for key in best if self._catalogue[key].get("purposes") == _NECESSARY]
        if loaded or most > 1:
            return min(loaded or best, key=self._breadth)
        return next((keys[0] for keys in (best, needed) if len(keys) == 1), "")

    def _breadth(self, key: str) -> tuple[int, int]:
        """How much more a service keeps and is: the plainest one is meant."""
        return len(self._catalogue[key].get("cookies", ())), len(key)
