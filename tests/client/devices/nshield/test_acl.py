# SPDX-License-Identifier: Apache-2.0
"""What access control lists permit: who may use the key, who can load it, who could take it out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.devices.nshield.acl import (
    WELL_KNOWN_MODULE_KEYS,
    Permitted,
    WorldKeys,
    judge_acl,
    read_acl,
)
from keystead.devices.nshield.ncore import WireReader
from keystead.errors import EvidenceError
from keystead.testvendor.nshield_messages import acl, archive_blob, blob, group, operations, text, word
from support.fuzzing import FUZZ, damaged, only_our_errors

HKM, HKNSO, HKRE, OTHER, TOKEN = (bytes((number,)) * 20 for number in range(1, 6))
WORLD = WorldKeys(HKM, HKNSO, HKRE)


def judged(*groups: bytes, world: WorldKeys = WORLD) -> Permitted:
    """What a list permits."""
    reader = WireReader(acl(*groups), "the list")
    read = read_acl(reader)
    reader.finish()
    return judge_acl(read, world)


def test_operations_are_named() -> None:
    """Each bit has its name, in alphabetical order, whichever group grants it."""
    permitted = judged(group(operations("sign", "get-acl")), group(operations("decrypt")))
    assert permitted.operations == ("decrypt", "get-acl", "sign")
    assert (permitted.protection, permitted.recoverable) == (None, False)


@pytest.mark.parametrize(
    ("actions", "protection"),
    [
        ([blob(HKM)], "module"),
        ([blob(HKM, flags=0x1E, token=(TOKEN, 7))], "softcard"),
        ([blob(HKM, flags=0x1E, token=(TOKEN, 1))], "cardset"),
        ([blob(HKM, flags=0x1E, token=(TOKEN, 1)), blob(HKM, flags=0x1E, token=(TOKEN, 7))], "softcard"),
        ([blob(HKM, flags=0x1E, token=(TOKEN, 1)), blob(HKM)], "module"),
    ],
)
def test_the_weakest_protection_counts(actions: list[bytes], protection: str) -> None:
    """A key that can be kept in two ways is as well protected as in the weaker one."""
    assert judged(group(operations("sign")), group(*actions, counter=OTHER)).protection == protection


def test_what_officers_certify_makes_a_key_recoverable() -> None:
    """Their group is not judged, and its actions are not everybody's."""
    permitted = judged(group(operations("sign")), group(operations("get-acl"), certifier=HKNSO))
    assert permitted.recoverable
    assert not permitted.officers_may_export
    assert permitted.operations == ("sign",)


@pytest.mark.parametrize(
    "action",
    [
        operations("export-as-plain"),
        operations("expand-acl"),
        operations(bits=0x20000),
        blob(None, flags=0x23),
        blob(OTHER),
        archive_blob(OTHER),
        archive_blob(None),
    ],
)
def test_what_lets_officers_take_the_key_out_is_said(action: bytes) -> None:
    """Export, more permissions, blobs and archives under other keys: theirs to do, and said."""
    assert judged(group(action, certifier=HKNSO)).officers_may_export


def test_an_archive_under_the_worlds_recovery_key_is_recovery() -> None:
    """That is what the recovery key is for; without a certified one, any archive lets the key out."""
    assert judged(group(archive_blob(HKRE))).recoverable
    with pytest.raises(EvidenceError, match="recovery key"):
        judged(group(archive_blob(HKRE)), world=WorldKeys(HKM, HKNSO, None))


def test_a_group_for_one_module_and_seconds_counts_like_any() -> None:
    """Limits and places only take away: what the group lets out is still out."""
    limited = (
        word(0x4 | 0x8 | 0x20 | 0x40)
        + word(2)
        + (word(3) + word(60))
        + (word(6) + OTHER + word(9))
        + word(1)
        + operations("sign")
        + (OTHER + word(1))
        + text("AAAA-AAAA-AAAA")
        + (word(44) + OTHER + word(1))
    )
    assert judged(limited).operations == ("sign",)
    with pytest.raises(EvidenceError, match="export-as-plain"):
        judged(limited.replace(operations("sign"), operations("export-as-plain")))


def test_well_known_module_keys_are_those_of_the_vendor() -> None:
    """The hashes that the vendor's tools show for them: DES3 with odd parity of zeros, AES of zeros."""
    assert {
        "1d572201be533ebc89f30fdd8f3fac6ca3395bf0",
        "c2be99fe1c77f1b75d48e2fd2df8dffc0c969bcb",
    } <= {one.hex() for one in WELL_KNOWN_MODULE_KEYS}


GOOD = acl(
    group(operations("sign"), blob(HKM)),
    group(operations("export-as-plain"), certifier=HKNSO),
    group(archive_blob(HKRE), counter=OTHER),
)


@FUZZ
@given(damaged(GOOD), st.booleans())
def test_damaged_lists_raise_our_errors_only(data: bytes, recovery: bool) -> None:
    """A list is judged or refused, and what is judged good never lets everybody export."""

    def judge(one: bytes) -> Permitted:
        return judge_acl(
            read_acl(WireReader(one, "the list")), WorldKeys(HKM, HKNSO, HKRE if recovery else None)
        )

    permitted = only_our_errors(judge, data)
    assert permitted is None or not {"export-as-plain", "expand-acl"} & set(permitted.operations)
