# SPDX-License-Identifier: Apache-2.0
"""Evidence that a log recorded and should not have, withholds, or serves altered: the log is accused, nobody else.

No log that does as it should admits any of it, so each of these logs lies. What its statements say of devices must
neither make an attested device nor hide one.
"""

from collections.abc import Callable, Iterable

from keystead.devices.evidence import Evidence
from keystead.statements.payloads import DeviceEvidence, DeviceReference
from support.history import History, Issued, yubikey
from support.scenarios.scenario import OPEN, Also, Expected, Misbehaves, Topic

TOPIC = Topic()
scenario = TOPIC.scenario

WRONG = Also("log-misbehaviour", Misbehaves("evidence-wrong"), "high", "evidence-wrong")
WITHHELD = Also("log-misbehaviour", Misbehaves("evidence-withheld"), "high", "evidence-withheld")


def _record(history: History, issued: Issued, evidence: Evidence) -> None:
    """The log says that evidence verified, and that it proves that the key is in YubiKey 1."""
    history.log.objects[f"evidence/{evidence.digest.hex()}"] = evidence.encode()
    anchor = next(iter(history.vendor.anchors(evidence.format))).key_hash
    history.say(
        DeviceEvidence(
            history.origin,
            history.now,
            certificate=issued.certificate_id,
            issuance_index=issued.index,
            evidence_digest=evidence.digest,
            format=evidence.format,
            devices=(DeviceReference("yubico-piv-serial", yubikey(1)),),
            anchors=(anchor,),
            policy_index=history.policies[-1],
        ),
        history.log.statement_key,
    )


def _refused(history: History, format_name: str, names: Iterable[str] = ()) -> None:
    """Two subscribers on one device, if any of these pieces of evidence were worth something."""
    history.policy(vendor_anchors=tuple(history.vendor.anchors()))
    wanted = set(names)
    pieces = [
        refusal
        for refusal in history.vendor.refusals(format_name)
        # Of a format that this program does not know, the log's word counts.
        if refusal.check != "unknown-format" and (not wanted or refusal.name in wanted)
    ]
    assert pieces
    assert wanted <= {refusal.name for refusal in pieces}
    for number, refusal in enumerate(pieces):
        issued = history.certificate(("Alpha AB", "Beta GmbH")[number % 2])
        _record(history, issued, refusal.evidence)
        # Once more for the other one, so that either would be enough.
        _record(history, history.certificate(("Beta GmbH", "Alpha AB")[number % 2]), refusal.evidence)


def _tell(format_name: str, *names: str) -> Callable[[History], None]:
    return lambda history: _refused(history, format_name, names)


scenario("H: f9 was swapped, or made or imported by the user", 10, {}, WRONG)(
    _tell(
        "yubikey-piv",
        "f9 is of another batch",
        "the user made f9 and its root",
        "the user imported f9",
        "an attested key attests another",
    )
)
scenario("H: a key that was imported into a YubiHSM", 10, {}, WRONG)(
    _tell(
        "yubihsm", "the key was imported", "the key was imported under wrap", "the key may leave under wrap"
    )
)
scenario("H: everything that is no evidence of a Marvell module", 10, {}, WRONG)(_tell("marvell"))
scenario("H: everything that is no attestation of a YubiKey", 10, {}, WRONG)(_tell("yubikey-piv"))


@scenario("H: an attestation replayed for another key", 10, {}, WRONG)
def replayed(history: History) -> None:
    first = history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", ca=history.south)
    _record(history, second, history.vendor.yubikey(1).attest(first.key.spki))


@scenario("H: a statement that names another device than its evidence proves", 10, {}, WRONG)
def other_device(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", ca=history.south)
    _record(history, second, history.vendor.yubikey(2).attest(second.key.spki))


@scenario(
    "evidence that the log withholds is the log's word, and clears nobody",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
    WITHHELD,
)
def withheld(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", ca=history.south)
    evidence = history.vendor.yubikey(1).attest(second.key.spki)
    _record(history, second, evidence)
    del history.log.objects[f"evidence/{evidence.digest.hex()}"]


@scenario(
    "evidence that the log serves altered is withheld",
    10,
    {1: Expected(OPEN, "no-service", "medium")},
    WITHHELD,
)
def altered(history: History) -> None:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", ca=history.south)
    evidence = history.vendor.yubikey(1).attest(second.key.spki)
    _record(history, second, evidence)
    other = history.vendor.yubikey(2).attest(second.key.spki)
    history.log.objects[f"evidence/{evidence.digest.hex()}"] = other.encode()
