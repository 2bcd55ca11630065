# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of the parsers with atheris: only `keystead.errors` may escape from one.

    python tests/fuzz/fuzz_parsers.py [--seconds N]        each parser for so long
    python tests/fuzz/fuzz_parsers.py PARSER [options]     one, with options of libFuzzer (`-max_total_time=60`)

It needs atheris, which is no dependency: `pip install atheris`. The seeds are valid texts that are made here; what
makes a parser fail is left in a file that the last lines name.
"""

import json
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: pip install atheris")

with atheris.instrument_imports(include=["keystead", "keystead_server"]):
    from keystead.certificate.extension import device_extension, parse_extension
    from keystead.certificate.lint import lint
    from keystead.certificate.name import display
    from keystead.certificate.precertificate import embedded_scts, log_tbs
    from keystead.certificate.subscriber import subscriber_of
    from keystead.certificate.x509 import parse_certificate, parse_vendor_certificate
    from keystead.ct.leaf import parse_merkle_tree_leaf
    from keystead.ct.sct import parse_sct, parse_sct_list
    from keystead.ct.tile_leaf import decode_data_tile
    from keystead.devices.anchors import AnchorSet, VendorAnchor
    from keystead.devices.evidence import evidence_from_json, parse_evidence
    from keystead.devices.request import parse_request
    from keystead.devices.verify import verify_evidence
    from keystead.encoding.json import decode_json, encode_json
    from keystead.errors import KeysteadError
    from keystead.index.answer import parse_answer
    from keystead.lookup.single_entry import parse_entry_and_proof
    from keystead.statements.dsse import parse_envelope
    from keystead.statements.entry import parse_statement_entry
    from keystead.statements.payloads import parse_statement
    from keystead.statements.policy import parse_policy
    from keystead.tlog.checkpoint import parse_checkpoint
    from keystead.tlog.note import parse_note, parse_vkey
    from keystead.tlog.policy import parse_policy as parse_witness_policy
    from keystead.tlog.proof import parse_tlog_proof
    from keystead.tlog.tiles import decode_bundle, parse_tile_suffix
    from keystead_server.admission.submission import parse_chain_submission

VECTORS = TESTS.parent / "specs" / "vectors"


@dataclass(frozen=True)
class Target:
    """A parser of bytes, and texts that it takes."""

    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def _certificate(data: bytes) -> None:
    certificate = parse_certificate(data)
    display(certificate.subject)
    for read in (device_extension, subscriber_of, embedded_scts, log_tbs):
        try:
            read(certificate)  # type: ignore[operator]
        except KeysteadError:
            continue


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    def parse_bytes(data: bytes) -> object:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None  # what is no text never comes to a parser of text
        return parse(text)

    return parse_bytes


def _evidence(anchors: AnchorSet) -> Callable[[bytes], object]:
    return lambda data: verify_evidence(parse_evidence(data), anchors)


def _statement(data: bytes) -> None:
    parse_statement(parse_envelope(data))


def _vectors(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return vectors


def _seed_certificates() -> tuple[bytes, bytes, bytes]:
    """A precertificate with the device extension, the extension, and a submission of it."""
    from support.world import World

    leaf = World(Path("unused")).leaf(serial=7)
    der = leaf.precertificate
    return der, leaf.extension or b"", leaf.body(der)


def targets() -> Mapping[str, Target]:
    """Every parser of what strangers write, by name."""
    attested = _vectors("evidence.json")
    evidence = tuple(evidence_from_json(vector["evidence"]).encode() for vector in attested["attestations"])
    anchors = AnchorSet(
        VendorAnchor(each["name"], b64decode(each["key"]), frozenset(each["formats"]), each["cloud"], "", "")
        for each in attested["anchors"]
    )
    statements = _vectors("statements.json")
    envelopes = tuple(parse_envelope(each["envelope"].encode()).encode() for each in statements["submitted"])
    certificate, extension, body = _seed_certificates()
    note = b"log.example/issuance\n3\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 log.example/issuance AAAAAQID\n"
    proof = b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + note
    return {
        "certificate": Target(_certificate, (certificate,)),
        "checkpoint": Target(_text(parse_checkpoint), (note.partition(b"\n\n")[0] + b"\n",)),
        "data-tile": Target(lambda data: decode_data_tile(data, 1), ()),
        "entry-and-proof": Target(
            parse_entry_and_proof, (b'{"leaf_input":"","extra_data":"","audit_path":[]}',)
        ),
        "entry-bundle": Target(lambda data: decode_bundle(data, 1), (b"\0\x03abc",)),
        "evidence": Target(_evidence(anchors), evidence),
        "extension": Target(parse_extension, (extension,)),
        "index-answer": Target(
            parse_answer, tuple(map(encode_json, _vectors("device-index.json")["answers"]))
        ),
        "json": Target(decode_json, (body, b'{"a":[0,true,null,"\\u00e9"]}')),
        "leaf": Target(parse_merkle_tree_leaf, ()),
        "lint": Target(lint, (certificate,)),
        "note": Target(parse_note, (note,)),
        "policy": Target(parse_policy, (statements["policy"]["json"].encode(),)),
        "request": Target(parse_request, ()),
        "sct": Target(parse_sct, ()),
        "sct-list": Target(parse_sct_list, ()),
        "statement": Target(_statement, envelopes),
        "statement-entry": Target(parse_statement_entry, tuple(b"\0" * 9 + each for each in envelopes)),
        "submission": Target(lambda data: parse_chain_submission(data, 65536), (body,)),
        "tile-suffix": Target(_text(parse_tile_suffix), (b"x001/234.p/12",)),
        "tlog-proof": Target(_text(parse_tlog_proof), (proof,)),
        "vendor-certificate": Target(parse_vendor_certificate, (certificate,)),
        "vkey": Target(_text(parse_vkey), (b"log.example+00000000+AQ==",)),
        "witness-policy": Target(_text(parse_witness_policy), (b"quorum none\n",)),
    }


def fuzz(name: str, options: list[str]) -> None:
    """Fuzz one parser; libFuzzer ends the process."""
    target = targets()[name]

    def once(data: bytes) -> None:
        try:
            target.parse(data)
        except KeysteadError:
            return

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, "-max_len=20000", *options], once)
        atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """Fuzz the parser that is named, or each in a process of its own."""
    if arguments and not arguments[0].startswith("--"):
        fuzz(arguments[0], arguments[1:])
        return 0
    seconds = int(arguments[1]) if arguments[:1] == ["--seconds"] else 10
    failed = []
    for name in targets():
        ended = subprocess.run(
            [
                sys.executable,
                __file__,
                name,
                f"-max_total_time={seconds}",
                "-timeout=10",
                "-rss_limit_mb=2048",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        counted = [line for line in ended.stderr.splitlines() if line.startswith("Done")]
        print(f"{name}: {counted[0] if counted else 'failed'}", flush=True)
        if ended.returncode:
            failed.append(name)
            print(ended.stdout + ended.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
