# SPDX-License-Identifier: Apache-2.0
"""What a CA should mend in a certificate, or should know before it issues the next one.

`lint` judges one certificate or precertificate by itself: the device extension first (malformed, misleading
or outside its rules, `specs/certificate-extension.md`), then what decides about logging it. It never fails:
bytes that are no certificate are a problem like any other. `CODES` lists all of them.
"""

from collections.abc import Iterator

from keystead.certificate.chain import require_loadable
from keystead.certificate.device_identifier import RESERVED, SCHEME_ARC, SCHEMES_BY_OID
from keystead.certificate.extension import EXTENSION_OID, Method, SignatureCreationDevice, device_extension
from keystead.certificate.lint_promises import lint_promises
from keystead.certificate.precertificate import PRECERT_SIGNING_EKU
from keystead.certificate.problem import CODES, Problem, Severity
from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import (
    ANY_EXTENDED_KEY_USAGE,
    CODE_SIGNING,
    Certificate,
    basic_constraints,
    extended_key_usages,
    parse_certificate,
    parse_vendor_certificate,
)
from keystead.encoding.der import encode_oid
from keystead.errors import ChainError, ParseError

__all__ = ["CODES", "Problem", "Severity", "lint"]


def lint(der: bytes) -> list[Problem]:
    """The problems of a certificate or precertificate, in the order of `CODES`; empty where there is none.

    Args:
        der: the certificate.
    """
    problems: list[Problem] = []
    try:
        certificate = parse_certificate(der)
    except ParseError as error:
        try:
            certificate = parse_vendor_certificate(der)
        except ParseError as worse:
            return [
                Problem("not-a-certificate", f"These bytes are no X.509 certificate: {worse}.", worse.offset)
            ]
        problems.append(Problem("not-strict-der", f"A log refuses this certificate: {error}.", error.offset))
    try:
        require_loadable(certificate)
    except ChainError as error:
        cause = f"A log refuses this certificate: {error.__cause__}."
        problems.append(Problem("certificate-unloadable", cause))
    for judge in (_device, _purposes, lint_promises, _subject):
        problems += judge(certificate)
    order = list(CODES)
    return sorted(problems, key=lambda problem: order.index(problem.code))


def _device(certificate: Certificate) -> Iterator[Problem]:
    found = [extension for extension in certificate.extensions if extension.oid == EXTENSION_OID]
    if not found:
        yield Problem(
            "device-extension-missing",
            "The certificate does not say in which device its key lives. Logs take it only with attestation "
            "evidence beside it, or as their policy says; `keystead extension` makes the extension from evidence.",
        )
        return
    if len(found) > 1:
        yield Problem(
            "device-extension-twice",
            "The device extension is there more than once: list all devices in one.",
            found[1].offset,
        )
    if found[0].critical:
        yield Problem(
            "device-extension-critical",
            "The device extension is critical, so software that does not know it must refuse the certificate: "
            "issue it as non-critical.",
            found[0].offset,
        )
    try:
        extension = device_extension(certificate)
    except ParseError as error:
        yield Problem(
            "device-extension-malformed",
            f"The device extension cannot be read, and a log refuses the certificate: {error}. "
            "`keystead extension` makes the exact bytes.",
            error.offset,
        )
        return
    if extension is not None:
        yield from _schemes(extension, found[0].value, found[0].offset)
        yield from _claims(extension, found[0].offset)
    try:
        constraints = basic_constraints(certificate)
    except ParseError:
        constraints = None
    if constraints is not None and constraints.ca:
        yield Problem(
            "device-extension-in-ca",
            "This is a CA's certificate: the device extension is meant for subscribers' certificates.",
            found[0].offset,
        )


def _schemes(extension: SignatureCreationDevice, value: bytes, offset: int) -> Iterator[Problem]:
    for oid in dict.fromkeys(device.scheme_oid for device in extension.devices):
        at = offset + value.find(encode_oid(oid))
        known = SCHEMES_BY_OID.get(oid)
        if oid in RESERVED:
            yield Problem(
                "scheme-reserved",
                f"The scheme {oid} is reserved ({RESERVED[oid]}) and names no device: use the device's own scheme.",
                at,
            )
        elif known is None and oid.startswith(f"{SCHEME_ARC}."):
            yield Problem(
                "scheme-unassigned",
                f"The scheme {oid} is not assigned: check the number, or update keystead.",
                at,
            )
        elif known is None:
            yield Problem(
                "scheme-unknown",
                f"The scheme {oid} is not one of Keystead's. Readers compare the id alone and take its class as "
                "unit, so the same device under another scheme is not recognized.",
                at,
            )
        elif known.experimental:
            yield Problem(
                "scheme-experimental",
                f"The scheme {known.name} is experimental: logs do not admit its evidence yet.",
                at,
            )


def _claims(extension: SignatureCreationDevice, offset: int) -> Iterator[Problem]:
    if not extension.devices:
        yield Problem(
            "devices-missing",
            "The extension names no device, so a look at a device's history finds this certificate only through "
            "its evidence or its service.",
            offset,
        )
    if extension.method is Method.DECLARED and extension.evidence_digest is None:
        yield Problem(
            "method-declared",
            "The method is declared: nobody verified the device, and monitors report the certificate. CSBR 7.1.2.4 "
            "allows only what the CA can stand for; state the CSBR method that was used.",
            offset,
        )
    if extension.method is Method.DECLARED and extension.evidence_digest is not None:
        yield Problem(
            "digest-without-attestation",
            "The extension names evidence and says that nothing was verified: with evidence that verifies, the "
            "method is keyAttestation.",
            offset,
        )
    if extension.method is Method.KEY_ATTESTATION and extension.evidence_digest is None:
        yield Problem(
            "attestation-without-digest",
            "The method is keyAttestation and no evidence is named, so nobody can tell which evidence the CA saw: "
            "set evidenceDigest, and submit the evidence with the chain.",
            offset,
        )
    if extension.method is Method.SIGNING_SERVICE and extension.service is None:
        yield Problem(
            "service-missing",
            "The method is signingService and no service is named, so no audit can cover the device: set service.",
            offset,
        )


def _purposes(certificate: Certificate) -> Iterator[Problem]:
    try:
        purposes = extended_key_usages(certificate)
    except ParseError as error:
        yield Problem("key-purposes-malformed", f"The key purposes cannot be read: {error}.", error.offset)
        return
    if CODE_SIGNING not in purposes:
        but = " (anyExtendedKeyUsage is not enough)" if ANY_EXTENDED_KEY_USAGE in purposes else ""
        yield Problem(
            "code-signing-missing",
            f"The certificate lacks the key purpose code signing, {CODE_SIGNING}{but}: a log refuses it.",
        )
    if PRECERT_SIGNING_EKU in purposes:
        yield Problem(
            "precertificate-signing-certificate",
            "This is a precertificate signing certificate: a log refuses chains through it. Sign precertificates "
            "with the issuing CA itself.",
        )


def _subject(certificate: Certificate) -> Iterator[Problem]:
    subscriber = subscriber_of(certificate)
    offset = certificate.source.find(certificate.subject)
    if not subscriber.decodable:
        yield Problem(
            "subject-undecodable",
            "The subject, or the LEI extension, has a value that is not the text its type says: monitors report "
            "the certificate as undecodable and cannot tell whose it is.",
            offset,
        )
    elif subscriber.rule == "subject":
        yield Problem(
            "subscriber-unnamed",
            "The subject names neither an organization nor a person: each spelling of it counts as another "
            "subscriber.",
            offset,
        )
    if certificate.not_after < certificate.not_before:
        yield Problem("validity-reversed", "The certificate ends before it begins, so it is never valid.")
