# SPDX-License-Identifier: Apache-2.0
"""QASM messages that must be refused for their certificates: who signed, who issued, what is attached."""

from keystead.devices.evidence import Evidence
from keystead.devices.qasm import FORMAT
from keystead.testvendor.certificates import basic_constraints, certificate, extension, key_usage
from keystead.testvendor.qasm import ASSERTION, AnyKey, TestQasm, message, root_name
from keystead.testvendor.refusals import Refusal, impostor, stray_certificate

__all__ = ["chain_refusals"]


def chain_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    """What can be wrong with the certificates in and beside a message about `public_key` by `device`."""
    return [*_path_refusals(device, public_key), *_attached_refusals(device, public_key)]


def _path_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    maker = device.maker
    claims = [*device.module_claims().values(), *device.key_claims(public_key).values()]
    own = maker.key("the user's own")
    subject = "C4A000129 Assertion Authority EC"
    spki = device.key.spki
    usual = maker.assertion_extensions(spki)
    no_device, no_issuer = "not-a-device-certificate", "not-an-issuing-certificate"

    def of(
        name: str, check: str, names: str, signer: bytes, *attached: bytes, key: AnyKey | None = None
    ) -> Refusal:
        data = message(claims, [(key or device.key, signer)], list(attached))
        return Refusal(name, Evidence(FORMAT, data), check, names)

    def signed(name: str, check: str, names: str, subject: str, *extensions: bytes) -> Refusal:
        return of(name, check, names, maker.assertion(subject, spki, *extensions), maker.issuer_der)

    def issued(name: str, check: str, names: str, issuer: str, *extensions: bytes) -> Refusal:
        leaf = maker.assertion(subject, spki, issuer=issuer)
        return of(name, check, names, leaf, maker.issuer(issuer, *extensions))

    users = maker.assertion(subject, own.spki, key=own, issuer="User's Authority")
    forged = maker.assertion(subject, own.spki, key=own)
    constraints, usage = basic_constraints(0), key_usage(5, 6)
    other_purpose = maker.assertion_extensions(spki, ASSERTION[:-1] + "2")
    return [
        of("the user made the attestation key", "unknown-anchor", "User's Authority", users, key=own),
        of(
            "the user imported the attestation key",
            "wrong-signature",
            "did not sign",
            forged,
            maker.issuer_der,
            key=own,
        ),
        of("the issuer is missing", "unknown-anchor", "neither in", device.signers()[0][1]),
        of(
            "an intermediate is swapped",
            "wrong-signature",
            "did not sign",
            device.signers()[0][1],
            impostor(maker.issuer_der),
        ),
        of("the signer's certificate is none", "malformed-chain", "signer's", b"\x30\x00", maker.issuer_der),
        signed(
            "the signer is no assertion authority", no_device, "Something", "C4A000129 Something EC", *usual
        ),
        signed("the signer has another purpose", no_device, "assertion authority", subject, *other_purpose),
        signed("the signer has no purpose", no_device, "assertion authority", subject, *usual[:4]),
        signed("the signer may not sign", no_device, "assertion authority", subject, *usual[:2], *usual[3:]),
        signed("the signer may issue", no_device, "assertion authority", subject, *usual, constraints),
        signed(
            "the signer's purposes are malformed",
            no_device,
            "malformed",
            subject,
            *usual[:4],
            extension("2.5.29.37", b""),
        ),
        signed(
            "the signer has an unknown critical extension",
            "unknown-critical-extension",
            "1.2.3",
            subject,
            *usual,
            extension("1.2.3", b"", critical=True),
        ),
        issued("the issuer has another name", no_issuer, "C4A_TLS", "C4A_TLS", constraints, usage),
        issued("the issuer is no authority", no_issuer, "basicConstraints", "C4A_SCA_MFG4", usage),
        issued(
            "the issuer may not certify", no_issuer, "keyUsage", "C4A_SCA_MFG4", constraints, key_usage(0)
        ),
        issued(
            "the issuer has an unknown critical extension",
            "unknown-critical-extension",
            "1.2.3",
            "C4A_SCA_MFG4",
            constraints,
            extension("1.2.3", b"", critical=True),
        ),
    ]


def _attached_refusals(device: TestQasm, public_key: bytes) -> list[Refusal]:
    maker = device.maker
    issuer, root, stray = maker.issuer_der, maker.root_der, stray_certificate()
    # A pinned key in a certificate that it did not sign: anything can be written into one.
    made_up = certificate(
        subject=root_name(),
        spki=maker.key("root").spki,
        issuer=root_name(),
        key=maker.key("the user's own"),
        not_before=0,
        not_after=1,
        extensions=(extension("1.2.3", b"stowaway"),),
    )
    fake_root = maker.issuer("C4A_RCA", extension("1.2.3", b"stowaway"))

    def of(name: str, check: str, names: str, attached: list[bytes], *chain: bytes) -> Refusal:
        return Refusal(name, device.attest(public_key, attached=attached, chain=chain), check, names)

    return [
        of("a stray certificate is attached", "stray-certificate", "Stray", [issuer, stray]),
        of("an attached certificate is none", "malformed-chain", "attached", [issuer, b"\x30\x00"]),
        of(
            "an attached certificate is something else",
            "malformed-chain",
            "attached",
            [issuer, root[:-1] + b"\0", b"\x30\x03\x02\x01\x00"],
        ),
        of("an issuer of another name is attached", "stray-certificate", "C4A_RCA", [issuer, fake_root]),
        of("a root that is none is attached", "stray-certificate", "C4A_RCA", [issuer, made_up]),
        of("the issuer is attached and beside it", "chain-repeats", "twice", [issuer], issuer),
        of("a stray certificate is beside it", "stray-certificate", "Stray", [issuer], stray),
        of("the root is beside it", "chain-includes-anchor", "pinned key", [], issuer, root),
        of("nothing is attached or beside it", "unknown-anchor", "neither in", []),
        of(
            "the chain is too long",
            "chain-too-long",
            "more than",
            [],
            *(stray + bytes((n,)) for n in range(9)),
        ),
        of("the chain is cut short", "malformed-chain", "element", [], issuer[:-1]),
    ]
