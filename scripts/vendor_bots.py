"""Makes consentgate/data/bots.json from the JSON of a release of crawler-user-agents (MIT).

Usage: ``python scripts/vendor_bots.py .../crawler-user-agents.json 1.67.0``
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "consentgate" / "data" / "bots.json"
PEOPLE = {"Sogou", "WhatsApp", "Sonic", "Butterfly", "008\\/", "Viber", "Fever", "Expanse", "Fluid"}
"""Patterns that also match browsers of people: phones and in-app browsers carry these words."""
OWN = (
    ("gotosocial", "social-preview", "gotosocial"),
    ("^WhatsApp/\\d[\\d.]* ?[A-Z]?$", "social-preview", "WhatsApp"),
)
OWN_TEXTS = (
    # load balancers and platforms that ask whether a server is well
    ("Amazon-Route53-Health-Check-Service", "monitoring"),
    ("Azure Traffic Manager Endpoint Monitor", "monitoring"),
    ("Consul Health Check", "monitoring"),
    ("DigitalOcean-HealthChecks", "monitoring"),
    ("Docker-HealthCheck", "monitoring"),
    ("ELB-HealthChecker/", "monitoring"),
    ("Edge Health Probe", "monitoring"),
    ("Envoy/HC", "monitoring"),
    ("Fly-HealthCheck", "monitoring"),
    ("GoogleHC/", "monitoring"),
    ("GoogleStackdriverMonitoring", "monitoring"),
    ("HAProxy/HealthCheck", "monitoring"),
    ("Load Balancer Agent", "monitoring"),
    ("Render/1.0 (health check", "monitoring"),
    ("kube-probe/", "monitoring"),
    # services that call back
    ("GitHub-Hookshot/", "http-library"),
    ("PayPal/AUHR", "http-library"),
    ("Shopify-Captain-Hook", "http-library"),
    ("Stripe/", "http-library"),
    ("TwilioProxy/", "http-library"),
)
"""Machines that the list lacks or has in another class."""
CLASSES = (
    "ai-crawler",
    "search-engine",
    "social-preview",
    "feed-reader",
    "archiver",
    "seo",
    "advertising",
    "monitoring",
    "scanner",
    "academic",
    "browser-automation",
    "http-library",
)
"""The first that applies names the class."""


def is_plain(pattern: str) -> bool:
    """Whether a pattern is a text with escaped signs only."""
    return not re.search(r"(?<!\\)[\[\](){}|*+?^$.]|\\[a-zA-Z]", pattern)


def entry(item: dict[str, object]) -> list[str]:
    """``[text, class]``, or ``[pattern, class, name]``."""
    tags = item["tags"] if isinstance(item["tags"], list) else []
    kind = next((name for name in CLASSES if name in tags), "other")
    pattern = str(item["pattern"])
    if is_plain(pattern):
        return [re.sub(r"\\(.)", r"\1", pattern), kind]
    return [pattern, kind, name_in(pattern)]


def name_in(pattern: str) -> str:
    """The name that a pattern looks for: ``[wW]get`` is wget."""
    text = pattern.replace("[\\s\\S]*", " ").replace("(^| )", "").partition("|")[0]
    text = re.sub(r"\(\[\^.*?\)|\\/\\d\S*", "", text)
    text = re.sub(r"\[(.)[^]]*\]", r"\1", text)
    return re.sub(r"[\^$()\\/]", "", text).strip()


def main(source: str, release: str) -> None:
    """Write the file."""
    items = [
        item
        for item in json.loads(Path(source).read_text(encoding="utf-8"))
        if item["pattern"] not in {*PEOPLE, "Chirp|gotosocial"}
    ]
    plain = dict(entry(item) for item in items if is_plain(item["pattern"]))
    document = {
        "source": f"crawler-user-agents {release}, https://github.com/monperrus/crawler-user-agents",
        "licence": "MIT, Copyright (c) 2017 Martin Monperrus",
        "texts": sorted({**plain, **dict(OWN_TEXTS)}.items()),
        "patterns": sorted(
            [*(entry(item) for item in items if not is_plain(item["pattern"])), *map(list, OWN)]
        ),
    }
    text = json.dumps(document, ensure_ascii=False, indent=None, separators=(",", ":"))
    TARGET.write_text(text.replace("],[", "],\n[") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
