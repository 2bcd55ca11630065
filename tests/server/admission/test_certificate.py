# SPDX-License-Identifier: Apache-2.0
"""Certificates are judged by what they are, not by what was judged before them."""

import pytest

from keystead.certificate.x509 import parse_certificate
from keystead.ct.leaf import LogEntry
from keystead.errors import RefusedError
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.certificates import extension
from keystead.tlog.tiles import MAX_ENTRY_SIZE
from keystead_server.admission.certificate import AdmittedCertificate, IssuerChains, admit_certificate
from support.world import World


def _issuers(*roots: bytes) -> IssuerChains:
    certificates = [parse_certificate(der) for der in roots]
    return IssuerChains({certificate.fingerprint: certificate for certificate in certificates})


def _entry_size(admitted: AdmittedCertificate) -> int:
    key_hash = admitted.issuer_key_hash if admitted.entry_type else b""
    return len(LogEntry(0, admitted.entry_type, admitted.signed, key_hash, 0).merkle_tree_leaf())


@pytest.mark.parametrize("precertificate", [False, True])
def test_an_entry_fits_into_a_bundle(tmp_path_factory: pytest.TempPathFactory, precertificate: bool) -> None:
    """The largest certificate whose entry has 65,535 bytes is admitted, and one of a byte more is refused."""
    world = World(tmp_path_factory.mktemp("world"))

    def admit(padding: int) -> AdmittedCertificate:
        leaf = world.leaf(extra_extensions=(extension("1.2.3.4.5", bytes(padding)),), serial=1)
        der = leaf.precertificate if precertificate else leaf.certificate()
        return admit_certificate(
            (der, *world.north.chain), precertificate=precertificate, issuers=_issuers(world.north.root_der)
        )

    largest = 60_000 + MAX_ENTRY_SIZE - _entry_size(admit(60_000))
    assert _entry_size(admit(largest)) == MAX_ENTRY_SIZE
    with pytest.raises(RefusedError) as caught:
        admit(largest + 1)
    assert (caught.value.code, caught.value.status) == ("entry-too-large", 413)


def test_two_roots_may_have_one_name() -> None:
    """A certificate without its chain is completed by the root that signed it, whichever was needed before."""
    authorities = [TestCertificateAuthority("One Name", seed=seed) for seed in (b"old key", b"new key")]
    issuers = _issuers(*(authority.intermediate_der for authority in authorities))
    for authority in (*authorities, *reversed(authorities)):
        leaf = authority.issue(b"\x30\x00", authority.root_key.spki)
        admitted = admit_certificate((leaf,), precertificate=False, issuers=issuers)
        assert [issuer.der for issuer in admitted.chain] == [authority.intermediate_der]


def test_a_certificate_that_the_library_cannot_load_is_refused() -> None:
    """What only our own walk can read is not admitted, although its issuer signed it."""
    authority = TestCertificateAuthority("Any CA")
    no_name = bytes.fromhex("30020500")
    certificate = authority.issue(no_name, authority.root_key.spki)
    assert parse_certificate(certificate).subject == no_name
    with pytest.raises(RefusedError) as caught:
        admit_certificate(
            (certificate, *authority.chain), precertificate=False, issuers=_issuers(authority.root_der)
        )
    assert caught.value.code == "certificate-unloadable"
