# SPDX-License-Identifier: Apache-2.0
"""What a log does by chance and must not, and what nobody can read: for histories by chance.

Each of these is told as an honest log would never admit it. What follows from it is for judges to find.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from keystead.statements.payloads import DeviceReference, RevocationReason
from support.history import History, Issued, yubikey

__all__ = ["lie", "log_unreadable"]

_HALF_AN_EXTENSION = b"\x30\x03\x02\x01\x07"


def log_unreadable(history: History, issued: Issued, random: Random) -> Issued | None:
    """An entry with a malformed device extension, or (None) with bytes that are no certificate."""
    unreadable = None
    if random.random() < 0.3:
        history.log.add_leaf(b"\x30\x03\x02\x01\x07", [])
    else:
        not_before = history.now + 86_400 * random.choice((-20, 0, 5))
        broken = {
            **issued.reissue,
            "device_extension": _HALF_AN_EXTENSION,
            "not_before": not_before,
            "not_after": not_before + 86_400 * random.choice((5, 15, 60)),
        }
        unreadable = history._issue(issued.ca, issued.key, broken, precertificate=random.random() < 0.3)
    history.log.publish()
    return unreadable


def lie(history: History, issued: Sequence[Issued], random: Random) -> None:
    """One thing that an honest log does not do."""
    one, other = random.choice(issued), random.choice(issued)
    wrong_party = "South CA" if one.ca is history.north else "North CA"

    def withhold() -> None:
        history.evidence(one, 1)
        kept = sorted(path for path in history.log.objects if path.startswith("evidence/"))
        del history.log.objects[random.choice(kept)]

    def go_back() -> None:
        history.log.now_ms -= 86_400_000
        history.certificate("Late Ltd", serial=1)
        history.log.now_ms += 86_400_000

    def misplace() -> None:
        leaves = history.log.issuance.leaves
        leaf = leaves[one.index]
        entry = replace(leaf.entry, leaf_index=one.index, timestamp=history.log.now_ms)
        leaves.append(replace(leaf, entry=entry))
        history.log.issuance.append(entry.merkle_tree_leaf())
        history.log.publish()

    def say_nothing() -> None:
        history.log.add_statement_entry(b"\x00 not a statement")
        history.log.publish()

    lies: list[Callable[[], object]] = [
        withhold,
        go_back,
        misplace,
        say_nothing,
        # Of another key; of other devices than it proves; without the right.
        lambda: history.record_evidence(one, history.vendor.yubikey(1).attest(other.key.spki)),
        lambda: history.evidence(one, 1, devices=(DeviceReference("yubico-piv-serial", yubikey(2)),)),
        lambda: history.revoke(one, RevocationReason.KEY_COMPROMISE, by=wrong_party),
        lambda: history.bind(one, serials=[2], by=wrong_party),
        lambda: history.devices(history.services[0], join=[1], key=history.services[1].key),
    ]
    random.choice(lies)()
    history.log.publish()
