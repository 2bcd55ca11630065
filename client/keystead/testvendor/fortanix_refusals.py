# SPDX-License-Identifier: Apache-2.0
"""DSM key attestation statements that must be refused, each for one reason."""

from keystead.devices.evidence import Evidence
from keystead.devices.fortanix import FORMAT
from keystead.encoding.der import BIT_STRING, SEQUENCE, encode, encode_oid, parse
from keystead.testvendor.certificates import (
    basic_constraints,
    certificate,
    common_name,
    extension,
    key_usage,
)
from keystead.testvendor.fortanix import (
    FORTANIX_ARC,
    TestFortanix,
    TestFortanixMaker,
    node_policy,
    policies,
    purposes,
)
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.refusals import Refusal, chain_refusals, flip

__all__ = ["all_fortanix_refusals"]

_VALID = (1_693_528_566, 253_402_300_799)
_HARDWARE = ("2.5.1", "2.5.1.1")


def all_fortanix_refusals(maker: TestFortanixMaker) -> list[Refusal]:
    """Everything that can be wrong with a statement of a cluster."""
    cluster = maker.make()
    public_key = cluster.generate().spki
    good = cluster.attest(public_key)
    return [
        *chain_refusals(good, maker.root_der()),
        *_statement_refusals(cluster, public_key, good),
        *_authority_refusals(cluster, public_key),
        *_issuer_refusals(cluster, public_key),
        *_user_refusals(cluster, public_key),
    ]


def _statement_refusals(cluster: TestFortanix, public_key: bytes, good: Evidence) -> list[Refusal]:
    def refusal(name: str, data: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), check, names)

    def claimed(name: str, arc: str, value: bytes | None, check: str, names: str) -> Refusal:
        return refusal(name, cluster.statement(public_key, changed={arc: value}), check, names)

    def extended(name: str, extra: bytes, check: str, names: str) -> Refusal:
        return refusal(name, cluster.statement(public_key, extra_extensions=(extra,)), check, names)

    sha1 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.5"), b"\x05\x00")
    tbs, _, signature = parse(good.data).children()
    restated = encode(SEQUENCE, tbs.encoded, sha1, signature.encoded)
    renamed = cluster.statement(public_key, subject=common_name("Fortanix DSM Key Attestation Authority"))
    twice = f"{FORTANIX_ARC}.2.4.1.1"
    point = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7"))
    bad_key = encode(SEQUENCE, point, encode(BIT_STRING, b"\0\x04" + b"\x01" * 64))
    return [
        refusal("the statement is cut short", good.data[:-1], "malformed-attestation", "statement"),
        refusal("it has trailing bytes", good.data + b"\0", "malformed-attestation", "statement"),
        refusal("its signature is wrong", flip(good.data, -1), "wrong-signature", "did not sign"),
        refusal("another algorithm is stated", restated, "signature-algorithm", "algorithm"),
        refusal("its name is no statement's", renamed, "not-an-attestation", "subject"),
        refusal("the attested point is on no curve", cluster.statement(bad_key), "malformed-key", "key"),
        claimed("the key was imported", "2.4.1.1", None, "not-generated", "generated in DSM"),
        claimed("the key is exportable", "2.4.1.2", None, "extractable-key", "never exportable"),
        claimed("a claim is not empty", "2.4.1.1", b"\x30\x02\x05\x00", "malformed-extension", twice),
        claimed("a claim is no sequence", "2.4.1.2", b"\x05\x00", "malformed-extension", "2.4.1.2"),
        extended("it may issue", basic_constraints(), "not-an-attestation", "may issue"),
        refusal(
            "it may sign certificates",
            cluster.statement(public_key, usage=key_usage(5)),
            "not-an-attestation",
            "may issue",
        ),
        extended("its constraints are malformed", extension("2.5.29.19", b"\x30"), "malformed-extension", ""),
        extended("a claim is there twice", extension(twice, b"\x30\x00"), "malformed-attestation", "twice"),
        extended(
            "a critical extension is unknown",
            extension("1.2.3", b"", critical=True),
            "unknown-critical-extension",
            "1.2.3",
        ),
    ]


def _authority_refusals(cluster: TestFortanix, public_key: bytes) -> list[Refusal]:
    """The cluster's authority is certified as something else, or its cluster is no hardware."""
    leaf, ca = cluster.statement(public_key), cluster.maker.ca_der()

    def refusal(name: str, check: str, names: str, **changed: bytes | None) -> Refusal:
        authority = cluster.authority_der(*cluster.authority_extensions(**changed))
        return Refusal(name, Evidence(FORMAT, leaf, (authority, ca)), check, names)

    place, soft, malformed = "not-a-device-certificate", "not-hardware", "malformed-extension"
    other = purposes(f"{FORTANIX_ARC}.8.2")
    both = purposes(f"{FORTANIX_ARC}.8.1", f"{FORTANIX_ARC}.8.2")
    unknown = extension("1.2.3", b"", critical=True)
    double = node_policy(_HARDWARE, _HARDWARE)
    three = node_policy((*_HARDWARE, "2.5.1.1"))
    odd = extension(f"{FORTANIX_ARC}.2.5", b"\x30\x02\x30\x00")
    return [
        refusal("the signer has no purpose", place, "purpose", purpose=None),
        refusal("the signer has another purpose", place, "purpose", purpose=other),
        refusal("the signer has two purposes", place, "purpose", purpose=both),
        refusal("the signer's purpose is malformed", place, "malformed", purpose=extension("2.5.29.37", b"")),
        refusal("the signer follows no policy", place, "policy", policy=None),
        refusal("the signer follows another policy", place, "policy", policy=policies("2.5.29.32.0")),
        refusal(
            "the signer's policies are malformed",
            place,
            "malformed",
            policy=extension("2.5.29.32", b"\x30\x02\x30\x00"),
        ),
        refusal("the signer is an authority", place, "basicConstraints", constraints=basic_constraints()),
        refusal("the signer may not sign", place, "keyUsage", usage=key_usage(2)),
        refusal("an extension is unknown", "unknown-critical-extension", "1.2.3", usage=unknown),
        refusal("the cluster has no policy", soft, "hardware", nodes=None),
        refusal("the policy asks for no protection", soft, "hardware", nodes=node_policy(("2.5.2",))),
        refusal("the policy names no protection", soft, "hardware", nodes=node_policy(("2.5.1",))),
        refusal("the policy asks for software", soft, "hardware", nodes=node_policy(("2.5.1", "2.5.1.9"))),
        refusal("the policy says so twice", malformed, "twice", nodes=double),
        refusal("an item has two qualifiers", malformed, "two", nodes=three),
        refusal("an item is empty", malformed, "policy", nodes=odd),
        refusal("the policy is empty", malformed, "policy", nodes=extension(f"{FORTANIX_ARC}.2.5", b"")),
    ]


def _issuer_refusals(cluster: TestFortanix, public_key: bytes) -> list[Refusal]:
    """What certified the authority is no CA for it."""
    leaf, authority = cluster.statement(public_key), cluster.authority_der()
    policy, ca = policies(f"{FORTANIX_ARC}.6.1.2"), basic_constraints()

    def refusal(name: str, names: str, *extensions: bytes) -> Refusal:
        chain = (authority, cluster.maker.ca_der(*extensions))
        return Refusal(name, Evidence(FORMAT, leaf, chain), "not-an-issuing-certificate", names)

    return [
        refusal("the CA follows no policy", "policy", ca),
        refusal("the CA lacks basicConstraints", "basicConstraints", policy),
        refusal("the CA is no CA", "basicConstraints", policy, basic_constraints(authority=False)),
        refusal("the CA may not sign certificates", "keyUsage", policy, ca, key_usage(0)),
    ]


def _user_refusals(cluster: TestFortanix, public_key: bytes) -> list[Refusal]:
    """What users make of keys of their own, and of attested ones."""
    maker = cluster.maker
    own_key = derive_key(maker.seed, "the user's own authority")
    own_root = derive_key(maker.seed, "the user's own root")
    attested = cluster.generate(2)
    statement = cluster.statement(attested.spki)
    forged = cluster.statement(public_key, key=attested, issuer=_subject(statement))
    by_root = cluster.statement(public_key, key=maker.key("root"), issuer=_subject(maker.root_der()))

    def made(issuer: bytes, key: SigningKey) -> bytes:
        return certificate(
            subject=cluster.name,
            spki=own_key.spki,
            issuer=issuer,
            key=key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            extensions=cluster.authority_extensions(),
        )

    def refusal(name: str, data: bytes, chain: tuple[bytes, ...], check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    own = cluster.statement(public_key, key=own_key)
    other = maker.make("2")
    return [
        refusal(
            "the user made the authority",
            own,
            (made(common_name("User"), own_root),),
            "unknown-anchor",
            "User",
        ),
        refusal(
            "the user's authority names the CA",
            own,
            (made(_subject(maker.ca_der()), own_root), maker.ca_der()),
            "wrong-signature",
            "did not sign",
        ),
        refusal(
            "the authority is another cluster's",
            cluster.statement(public_key),
            other.chain,
            "wrong-signature",
            "did not sign",
        ),
        refusal(
            "an attested key attests another",
            forged,
            (statement, *cluster.chain),
            "not-a-device-certificate",
            "policy",
        ),
        refusal("the root attests a key itself", by_root, (), "not-a-device-certificate", "pinned key"),
    ]


def _subject(der: bytes) -> bytes:
    """DER of the subject of a certificate of version 3."""
    return parse(parse(der).children()[0].encoded).children()[5].encoded
