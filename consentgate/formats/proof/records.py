"""Owns the consent record of ISO/IEC TS 27560 as DPV JSON-LD, made of an event's leaf.

What the leaf proves is written from the leaf alone. What is the same for everyone (who answers for
the site, what a purpose uses, for how long) is written from the policy of that version, where the
caller still has it; the notice named by its hash says it too. DPV guide, section 10.4: the parts
that records share may be kept once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from consentgate.domain.policy.policy import Policy
from consentgate.domain.policy.purposes import Purpose
from consentgate.formats.proof.leaves import COMMITMENT

CONTEXT: Mapping[str, Any] = {
    "dpv": "https://w3id.org/dpv#",
    "loc": "https://w3id.org/dpv/loc#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "legal-eu": "https://w3id.org/dpv/legal/eu#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "cg": "https://consentgate.example/ns#",
    "dct:conformsTo": {"@type": "@id"},
    "dpv:hasJurisdiction": {"@type": "@id"},
    "dpv:hasPurpose": {"@type": "@id"},
    "dpv:hasLegalBasis": {"@type": "@id"},
    "dpv:hasApplicableLaw": {"@type": "@id"},
    "dpv:isIndicatedBy": {"@type": "@id"},
    "dpv:isExercisedAt": {"@type": "@id"},
    "dpv:hasLocation": {"@type": "@id"},
    "dpv:isIndicatedAtTime": {"@type": "xsd:dateTime"},
    "rdf:value": {"@type": "xsd:duration"},
}
PROFILE = "https://w3id.org/dpv/schema/dpv-27560#"
_PURPOSES = {
    "necessary": "dpv:ServiceProvision",
    "functional": "dpv:ServicePersonalisation",
    "statistics": "dpv:ServiceUsageAnalytics",
    "marketing": "dpv:Marketing",
}
"""Shipped purposes in the words of the DPV; a site's own is a dpv:Purpose with its name."""
_OPT_IN = "opt-in"


def record_of(
    event: Mapping[str, Any], policy: Policy | None, *, is_receipt: bool
) -> dict[str, Any]:
    """The record of one event.

    Args:
        event: the event or its leaf, as JSON reads it; a leaf does not say who it was.
        policy: in force then; None, or one of another version, where that is not at hand.
        is_receipt: for the visitor; else for the controller.
    """
    known = policy if policy is not None and policy.version == event["policy_version"] else None
    is_eu = event["model"] == _OPT_IN
    kind = "receipt" if is_receipt else "record"
    record: dict[str, Any] = {
        "@id": f"urn:uuid:{uuid_of(event['id'])}",
        "@type": "dpv:ConsentReceipt" if is_receipt else "dpv:ConsentRecord",
        "dct:conformsTo": f"{PROFILE}{kind}{'-eu-gdpr' if is_eu else ''}",
        "dct:identifier": uuid_of(event["id"]),
        "dpv:hasNotice": _notice(event),
        "dpv:hasProcess": [
            _process(key, said, known.purpose_by_key.get(key) if known else None, known)
            for key, said in event["purposes"].items()
        ],
        "dpv:hasConsentStatus": [_status(event)],
        "cg:services": dict(event["services"]),
        "cg:signals": list(event["signals"]),
        "cg:regime": event["regime"],
        "cg:policyVersion": event["policy_version"],
    }
    if event["subject"] and not event["subject"].startswith(COMMITMENT):
        record["dpv:hasDataSubject"] = data_subject(event["subject"])
    if known:
        record.update(_shared(known, is_eu))
    return record


def data_subject(subject: str) -> dict[str, Any]:
    """Whom a record is about."""
    return {"@type": "dpv:DataSubject", "dct:identifier": subject}


def uuid_of(event_id: str) -> str:
    """An event's id as a UUID is written (REC-12)."""
    parts = (event_id[:8], event_id[8:12], event_id[12:16], event_id[16:20], event_id[20:])
    return "-".join(parts)


def moment(at_ms: int) -> str:
    """ISO 8601, UTC, to the millisecond."""
    at = dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def lasting(event: Mapping[str, Any]) -> str:
    """How long the choice holds from its time on, as XSD writes a duration."""
    return f"PT{max(0, event['expires_ms'] - event['at_ms']) // 1000}S"


def _notice(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "dpv:ConsentNotice",
        "dct:language": event["language"],
        "cg:sha256": event["notice_hash"],
    }


def _status(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": f"dpv:{event['state']}",
        "dpv:isIndicatedBy": "dpv:DataSubject",
        "dpv:hasIndicationMethod": f"{event['method']} ({event['source']})",
        "dpv:isIndicatedAtTime": moment(event["at_ms"]),
        "dpv:hasDuration": {"@type": "dpv:TemporalDuration", "rdf:value": lasting(event)},
    }


def _process(
    key: str, said: bool, purpose: Purpose | None, policy: Policy | None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": _PURPOSES.get(key, "dpv:Purpose"),
        "dct:title": key,
        "cg:purpose": key,
        "cg:granted": said,
        "dpv:hasLegalBasis": "eu-gdpr:A6-1-a",
    }
    if purpose is None or policy is None:
        return found
    services = [service for service in policy.services if key in service.purposes]
    countries = {service.country for service in services} | {policy.controller.country}
    found["dpv:hasPersonalData"] = [
        {"@type": "dpv:PersonalData", "dct:title": kind} for kind in purpose.data
    ]
    found["dpv:hasRecipient"] = [
        {"@type": "dpv:Recipient", "dpv:hasName": service.owner or policy.controller.name}
        for service in services
    ]
    found["dpv:hasStorageCondition"] = [
        _lasting_days(purpose.retention_days or 0),
        *(
            {"@type": "dpv:StorageLocation", "dpv:hasLocation": f"loc:{country}"}
            for country in sorted(countries - {""})
        ),
    ]
    return found


def _lasting_days(days: int) -> dict[str, Any]:
    """How long what is learned is kept; nothing is kept for no time."""
    duration = {"@type": "dpv:TemporalDuration", "rdf:value": f"PT{days * 86_400}S"}
    return {"@type": "dpv:StorageDuration", "dpv:hasDuration": duration}


def _shared(policy: Policy, is_eu: bool) -> dict[str, Any]:
    """What is the same for every visitor of that policy."""
    controller = policy.controller
    control = {"dpv:isExercisedAt": policy.site.prefix}
    shared: dict[str, Any] = {
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "dpv:hasName": controller.name,
            "dpv:hasAddress": controller.address,
            "dpv:hasContact": controller.contact,
        },
        "dpv:hasConsentControl": {
            "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
            **control,
        },
    }
    if controller.country:
        shared["dpv:hasJurisdiction"] = f"loc:{controller.country}"
    if is_eu:
        shared["dpv:hasApplicableLaw"] = "legal-eu:law-GDPR"
        shared["dpv:hasRight"] = {"@type": ["dpv:DataSubjectRight", "eu-gdpr:A7-3"], **control}
    return shared
