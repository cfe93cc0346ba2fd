"""The receipt: what it says, what it proves, and that no change of it goes unseen."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.errors import ProofError
from consentgate.formats.proof.notes import verifier_of
from consentgate.formats.proof.receipts import Broken, check
from consentgate.formats.proof.records import record_of
from consentgate.ledger.memory import MemoryLedger
from consentgate.ledger.proof.memory import MemoryProof
from consentgate.ledger.proof.receipts import receipt_of
from tests.events import grant, refusal
from tests.ledger.proof.made import NOW_MS, ORIGIN, append, integrator
from tests.ledger.proof.receipt_cases import Case, broken, receipts, whole
from tests.policies import SHOP

CASES = [*whole(), *broken()]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_receipt_is_judged(case: Case) -> None:
    """Whole receipts hold, and each broken one names the rule that it breaks."""
    found = check(case.text, [verifier_of(key) for key in case.keys])
    assert (found.broken, found.signed_by) == (case.broken, case.signed_by), found.why
    assert bool(found.why) == bool(case.broken)
    assert found.is_proven == (case.broken is None and bool(case.signed_by))


def test_a_key_that_came_with_the_receipt_is_told() -> None:
    """It is worth as much as the site's word for it; a published key is worth more."""
    case, published, *_ = [
        one for one in CASES if one.name in ("leaf 0 of 1", "by a published key")
    ]
    assert check(case.text).is_own_key
    assert not check(published.text, [verifier_of(published.keys[0])]).is_own_key


@given(
    st.text()
    | st.recursive(
        st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    ).map(json.dumps)
)
def test_nothing_raises(text: str) -> None:
    """Whatever is taken for a receipt: the answer is that it is none."""
    assert check(text).broken is Broken.UNREADABLE


@pytest.mark.requirement("REC-03", "REC-12")
def test_a_record_has_every_mandatory_field() -> None:
    """What the DPV guide calls mandatory is there, with a UUID, a state, a time and a duration."""
    policy = replace(SHOP, controller=replace(SHOP.controller, address="1 Street", country="IE"))
    event = json.loads(grant(id="1" * 32, subject="ab" * 16).canonical())
    record = record_of(event, policy, is_receipt=False)
    assert record["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
    assert record["dct:identifier"] == "11111111-1111-1111-1111-111111111111"
    assert record["dpv:hasDataSubject"] == {"@type": "dpv:DataSubject", "dct:identifier": "ab" * 16}
    assert record["dpv:hasNotice"]["dct:language"] == "en"
    assert len(record["dpv:hasNotice"]["cg:sha256"]) == 64
    controller = record["dpv:hasDataController"]
    assert all(controller[f"dpv:has{fact}"] for fact in ("Name", "Address", "Contact"))
    assert record["dpv:hasJurisdiction"] == "loc:IE"
    assert record["dpv:hasConsentControl"]["dpv:isExercisedAt"] == "/privacy-choices"
    assert record["dpv:hasRight"]
    (status,) = record["dpv:hasConsentStatus"]
    assert status["@type"] == "dpv:ConsentGiven"
    assert status["dpv:isIndicatedBy"] == "dpv:DataSubject"
    assert status["dpv:isIndicatedAtTime"] == "2026-09-21T14:13:20.000Z"
    assert status["dpv:hasDuration"]["rdf:value"] == "PT10000000S"
    for process in record["dpv:hasProcess"]:
        assert process["dpv:hasLegalBasis"] == "eu-gdpr:A6-1-a"
        assert {"dpv:hasPurpose", "dpv:hasPersonalData", "dpv:hasRecipient"} < set(process)
        kinds = [one["@type"] for one in process["dpv:hasStorageCondition"]]
        assert set(kinds) == {"dpv:StorageDuration", "dpv:StorageLocation"}
    assert {p["cg:purpose"]: p["cg:granted"] for p in record["dpv:hasProcess"]} == {
        "functional": False,
        "marketing": False,
        "statistics": True,
    }


def test_a_receipt_names_the_standard_and_its_subject() -> None:
    """The visitor's copy is of the receipt's profile; the subject is named where it can be proven."""
    (text,) = receipts([grant(subject="ab" * 16)])
    record = json.loads(text)
    assert record["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"
    assert record["@type"] == "dpv:ConsentReceipt"
    assert record["dpv:hasDataSubject"]["dct:identifier"] == "ab" * 16


def test_a_receipt_outside_the_opt_in_claims_no_law_of_the_union() -> None:
    """The record of another regime, and of a policy with a country, says what is so there."""
    event = json.loads(grant(model="opt-out", regime="US-CA").canonical())
    policy = replace(SHOP, controller=replace(SHOP.controller, country="US"))
    record = record_of(event, policy, is_receipt=False)
    assert record["dct:conformsTo"].endswith("#record")
    assert record["dpv:hasJurisdiction"] == "loc:US"
    assert "dpv:hasRight" not in record
    assert "dpv:hasDataController" not in record_of(
        {**event, "policy_version": "x"}, policy, is_receipt=False
    )


def test_a_receipt_names_nobody_once_the_salt_is_erased() -> None:
    """It is still proven, about a subject that nobody can name."""
    ledger, store = MemoryLedger(), MemoryProof()
    event = grant()
    append(ledger, event)
    integrator(ledger, store).run(NOW_MS)
    body = ledger.rows(0, 1)[0][3]
    before = receipt_of(ledger, store, event.id)
    ledger._events[event.id] = json.loads(before or "")["cg:proof"]["cg:leaf"].encode()
    store.forget_salts([event.id])
    text = receipt_of(ledger, store, event.id) or ""
    assert event.subject not in text
    assert event.subject.encode() in body
    assert check(text).broken is None


def test_there_is_no_receipt_before_the_checkpoint() -> None:
    """Not for an unknown event, nor for one that is not signed yet."""
    ledger, store = MemoryLedger(), MemoryProof()
    first, second = refusal(), refusal()
    append(ledger, first)
    assert receipt_of(ledger, store, first.id) is None
    integrator(ledger, store).run(NOW_MS)
    append(ledger, second)
    assert receipt_of(ledger, store, first.id)
    assert receipt_of(ledger, store, second.id) is None


def test_no_receipt_is_made_that_would_not_hold() -> None:
    """An event that was changed or is gone is an alarm, not a receipt."""
    ledger, store = MemoryLedger(), MemoryProof()
    event = refusal()
    append(ledger, event)
    integrator(ledger, store).run(NOW_MS)
    ledger._events[event.id] = refusal(id=event.id, method="accept").canonical()
    with pytest.raises(ProofError, match="not the one that was proven"):
        receipt_of(ledger, store, event.id)
    del ledger._events[event.id]
    with pytest.raises(ProofError, match="not in the ledger any more"):
        receipt_of(ledger, store, event.id)


def test_a_receipt_is_checked_in_a_millisecond() -> None:
    """Of a large tree too: twenty hashes and one signature."""
    events = [refusal() for _ in range(2_000)]
    text = receipts(events)[7]
    took = []
    for _ in range(50):
        start = time.process_time()
        assert check(text).signed_by == ORIGIN
        took.append(time.process_time() - start)
    assert min(took) < 0.001
