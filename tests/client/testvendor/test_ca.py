# SPDX-License-Identifier: Apache-2.0
"""The test authority issues what real CAs issue: chains, precertificates, and certificates from the same TBS."""

import pytest
from cryptography import x509

from keystead.certificate.chain import complete_chain
from keystead.certificate.extension import Method, SignatureCreationDevice, device_extension
from keystead.certificate.precertificate import certificate_id, embedded_scts, is_precertificate, log_tbs
from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import extended_key_usages, parse_certificate
from keystead.ct.sct import sct_list_extension_value
from keystead.testvendor import TestCertificateAuthority
from keystead.testvendor.certificates import common_name, extension, name
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ev_subject, iv_subject, ov_subject

CA = TestCertificateAuthority("Example CA", "SE")
KEY = derive_key(b"test ca", "leaf")
SUBJECT = ov_subject("Example AB", "SE", locality="Stockholm")
DEVICE = SignatureCreationDevice((), Method.SIGNING_SERVICE, service=b"s" * 32).encode()


def leaf(**options: object) -> bytes:
    """A certificate for our key."""
    return CA.issue(SUBJECT, KEY.spki, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["ec-p256", "ec-p384", "rsa-2048", "rsa-4096"])
def test_chains_verify_in_another_library(key: str) -> None:
    """Leaf, issuing CA and root are linked by names and signatures, whatever the issuing key."""
    authority = TestCertificateAuthority("Other CA", "DE", key=key)
    chain = [authority.issue(SUBJECT, KEY.spki), *authority.chain]
    read = [x509.load_der_x509_certificate(der) for der in chain]
    for child, issuer in zip(read, [*read[1:], read[-1]], strict=True):
        child.verify_directly_issued_by(issuer)
    root = parse_certificate(authority.root_der)
    complete_chain([parse_certificate(der) for der in chain], {root.fingerprint: root})


def test_a_precertificate_and_its_certificate_are_one() -> None:
    """Both have the same TBS for the log and the same certificate id."""
    scts = sct_list_extension_value([b"one", b"two"])
    before = parse_certificate(leaf(precertificate=True, device_extension=DEVICE))
    after = parse_certificate(leaf(sct_list=scts, device_extension=DEVICE))
    assert is_precertificate(before)
    assert not is_precertificate(after)
    assert embedded_scts(after) == [b"one", b"two"]
    assert log_tbs(before) == log_tbs(after)
    ids = {certificate_id(CA.issuer_key_hash, log_tbs(one)) for one in (before, after)}
    assert len(ids) == 1


def test_the_profile_is_that_of_code_signing() -> None:
    """Code signing EKU, critical digitalSignature, policy, CRL and issuer locations, key identifiers."""
    read = x509.load_der_x509_certificate(leaf())
    assert extended_key_usages(parse_certificate(leaf())) == ("1.3.6.1.5.5.7.3.3",)
    usage = read.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    read.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    read.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    issuer = x509.load_der_x509_certificate(CA.intermediate_der)
    assert (
        read.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        == issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )


def test_ev_and_other_certificates_state_their_policy() -> None:
    """The reserved policy follows from the subject."""

    def policy(subject: bytes) -> str:
        read = x509.load_der_x509_certificate(CA.issue(subject, KEY.spki))
        (stated,) = read.extensions.get_extension_for_class(x509.CertificatePolicies).value
        return stated.policy_identifier.dotted_string

    assert policy(ev_subject("Example AB", "SE", "556677-8899")) == "2.23.140.1.3"
    assert policy(SUBJECT) == "2.23.140.1.4.1"


def test_subjects_identify_their_subscribers() -> None:
    """EV by registration, an organization identifier by itself, OV and IV by name."""
    subjects = {
        "registration": ev_subject("Example AB", "SE", "556677-8899", jurisdiction_state="Stockholm"),
        "organization": ov_subject("Example AB", "SE", organization_identifier="NTRSE-556677-8899"),
        "name": ov_subject("Example AB", "SE"),
    }
    for rule, subject in subjects.items():
        assert subscriber_of(parse_certificate(CA.issue(subject, KEY.spki))).rule == rule
    person = subscriber_of(parse_certificate(CA.issue(iv_subject("Åsa", "Öst", "SE"), KEY.spki)))
    assert person.canonical == "name\nse\nÅsa Öst"


def test_the_device_extension_is_what_was_passed() -> None:
    """The extension is embedded as it is, well-formed or not."""
    stated = device_extension(parse_certificate(leaf(device_extension=DEVICE)))
    assert stated is not None
    assert stated.service == b"s" * 32
    odd = parse_certificate(leaf(device_extension=b"\x30\x80"))
    assert [one.value for one in odd.extensions if one.oid.startswith("1.2.840.113556")] == [b"\x30\x80"]


def test_options_make_what_logs_must_refuse() -> None:
    """No EKU, further extensions, odd serial numbers and hostile subjects."""
    assert extended_key_usages(parse_certificate(leaf(usages=()))) == ()
    extra = parse_certificate(leaf(extra_extensions=(extension("1.2.3", b"x"),)))
    assert extra.extension("1.2.3") is not None
    assert parse_certificate(leaf(serial=7)).serial == b"\x07"
    assert parse_certificate(leaf(serial=2**159 - 1)).serial == (2**159 - 1).to_bytes(20)
    hostile = name(("2.5.4.10", "<script>\x1b[2J=cmd()"))
    assert parse_certificate(CA.issue(hostile, KEY.spki)).subject == hostile


def test_authorities_are_reproducible() -> None:
    """The same organization and seed give the same certificates; another seed, others."""
    again = TestCertificateAuthority("Example CA", "SE")
    assert again.chain == CA.chain
    assert again.issue(SUBJECT, KEY.spki) == leaf()
    assert TestCertificateAuthority("Example CA", "SE", seed=b"x").chain != CA.chain


def test_the_root_issues_further_authorities() -> None:
    """An intermediate with other usages or path length, for chains that must be refused."""
    der = CA.issue_authority(common_name("Odd"), KEY.spki, usages=(), path_length=None)
    read = parse_certificate(der)
    assert read.issuer == parse_certificate(CA.root_der).subject
    assert extended_key_usages(read) == ()
