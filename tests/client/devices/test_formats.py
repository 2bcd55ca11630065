# SPDX-License-Identifier: Apache-2.0
"""What holds between formats: no vendor's key attests another's devices, and no evidence passes for another's."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from keystead.certificate.device_identifier import SCHEMES
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.evidence import Evidence, evidence_from_json
from keystead.devices.verify import FORMATS, verify_evidence
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import EvidenceError

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[3] / "specs" / "vectors" / "evidence.json").read_bytes()
)
ANCHORS = AnchorSet(
    VendorAnchor(one["name"], decode_base64(one["key"]), frozenset(one["formats"]), one["cloud"])
    for one in VECTORS["anchors"]
)
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
"""The paths that `-S`, without which Python may load anything, leaves out."""

GOOD: dict[str, Evidence] = {
    one["name"]: evidence_from_json(one["evidence"]) for one in VECTORS["attestations"]
}


@pytest.mark.parametrize("name", GOOD)
def test_the_keys_of_other_formats_attest_nothing(name: str) -> None:
    """Every pinned key, allowed to attest every format but this one."""
    evidence = GOOD[name]
    verify_evidence(evidence, ANCHORS)
    others = frozenset(FORMATS) - {evidence.format}
    wrong = AnchorSet(VendorAnchor(one.name, one.key, others, one.cloud) for one in ANCHORS)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(evidence, wrong)
    assert caught.value.check in {"anchor-format", "unknown-anchor"}


@pytest.mark.parametrize("name", GOOD)
def test_evidence_passes_for_no_other_format(name: str) -> None:
    """Under keys that may attest everything, evidence is still of one format alone."""
    evidence = GOOD[name]
    everything = AnchorSet(VendorAnchor(one.name, one.key, frozenset(FORMATS), one.cloud) for one in ANCHORS)
    for other in FORMATS.keys() - {evidence.format}:
        with pytest.raises(EvidenceError):
            verify_evidence(Evidence(other, evidence.data, evidence.chain), everything)


@pytest.mark.parametrize("name", GOOD)
def test_no_chain_is_longer_or_shorter_than_its_path(name: str) -> None:
    """One piece of evidence has one encoding: without any certificate, or with one from another piece, refused."""
    evidence = GOOD[name]
    strangers = [der for other in GOOD.values() if other.format != evidence.format for der in other.chain]
    chains = [evidence.chain[:place] + evidence.chain[place + 1 :] for place in range(len(evidence.chain))]
    chains += [(*evidence.chain[:place], strangers[0], *evidence.chain[place:]) for place in (0, 1)]
    for chain in chains:
        changed = Evidence(evidence.format, evidence.data, chain)
        if _is_other_evidence(evidence, changed):
            continue
        with pytest.raises(EvidenceError):
            verify_evidence(changed, ANCHORS)


def _is_other_evidence(evidence: Evidence, changed: Evidence) -> bool:
    """Whether a part that says more was left out: LiquidSecurity's owner is another statement, not another form."""
    return evidence.format == "marvell" and changed.chain == evidence.chain[:2]


def test_no_two_formats_share_a_scheme() -> None:
    """Identities of different products are different devices, whatever their numbers."""
    schemes: dict[str, set[str]] = {}
    for evidence in GOOD.values():
        for identity in verify_evidence(evidence, ANCHORS).identities:
            assert SCHEMES[identity.scheme].pattern.fullmatch(identity.value)
            schemes.setdefault(identity.scheme, set()).add(evidence.format)
    assert all(len(formats) == 1 for formats in schemes.values())


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_a_module(name: str) -> None:
    """The table leads to a module that knows its own name, verifies and collects."""
    module = import_module(f"keystead.devices.{FORMATS[name]}")
    assert name == module.FORMAT
    assert callable(module.verify)
    assert callable(module.collect)


def test_importing_the_library_loads_nothing_heavy() -> None:
    """What verifies and collects evidence needs one package, and none of those that serve, ask or show."""
    code = (
        "import sys, keystead.devices, keystead.devices.verify, keystead.devices.collect;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names));"
        "print(*sorted({'asyncio', 'http', 'logging', 'sqlite3', 'ssl', 'xml', 'urllib', 'email'} & set(sys.modules)));"
        "print(*sorted(name for name in sys.modules if name.startswith('keystead.') and name.count('.') == 1))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, env=ENV
    )
    packages, heavy, ours = result.stdout.splitlines()
    assert {name for name in packages.split() if not name.startswith("_")} == {"cryptography", "keystead"}
    assert heavy == ""
    assert set(ours.split()) == {
        f"keystead.{name}" for name in ("certificate", "devices", "encoding", "errors")
    }


def test_formats_are_loaded_when_they_are_met() -> None:
    """Importing the verifier loads no format: there are many, and most programs meet one or two."""
    code = (
        "import sys, keystead.devices.verify, keystead.devices.collect as c;"
        f"loaded = [m for m in {sorted(FORMATS.values())!r} if 'keystead.devices.' + m in sys.modules];"
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
