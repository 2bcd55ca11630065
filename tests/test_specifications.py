# SPDX-License-Identifier: Apache-2.0
"""The specifications hold together: links lead somewhere, versions are pinned, and what is served is described."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead_server.log.batch import LogIdentity
from keystead_server.log.keys import LogKeys
from keystead_server.settings import trust_document
from keystead_server.web.application import make_application
from keystead_server.web.service import LogService
from support.running_log import running_log

ROOT = Path(__file__).resolve().parents[1]
SPECS = ROOT / "specs"
DOCUMENTS = sorted([*SPECS.glob("*.md"), ROOT / "README.md"])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_DEFINITION = re.compile(r"^\[([^\]]+)\]: (\S+)$", re.MULTILINE)
_CODE = re.compile(r"^(?: {4}.*|```.*?^```)$", re.MULTILINE | re.DOTALL)


@cache
def _text(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def _anchors(path: Path) -> frozenset[str]:
    """The fragments that lead to headings of a document, as code hosts make them."""
    prose = re.sub(r"^```.*?^```$", "", _text(path), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Each link within the repository names a file that is there, and a heading that is in it."""
    broken = []
    for target in _LINK.findall(_text(path)):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (fragment and fragment not in _anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_references_are_defined_and_used(path: Path) -> None:
    """Each `[reference]` that is defined is used, and none is defined twice."""
    text = _text(path)
    names = [name for name, _ in _DEFINITION.findall(text)]
    assert len(set(names)) == len(names)
    body = _DEFINITION.sub("", text)
    assert not [name for name in names if f"[{name}]" not in body]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_versions_are_pinned(path: Path) -> None:
    """A link to a C2SP specification names its version."""
    links = re.findall(r"https://(?:www\.)?c2sp\.org/[^\s)>\]]+", _text(path))
    assert not [link for link in links if not re.search(r"@v[0-9]+\.[0-9]+\.[0-9]+", link)]
    hosted = re.findall(r"https://github\.com/C2SP/C2SP/\S+", _text(path))
    assert not [link for link in hosted if not re.search(r"/(?:blob|tree)/[0-9a-f]{40}/", link)]


def test_the_index_names_every_document() -> None:
    """`specs/README.md` links to every document beside it."""
    linked = {target.partition("#")[0] for target in _LINK.findall(_text(SPECS / "README.md"))}
    present = {path.name for path in SPECS.iterdir() if path.is_file()} - {"README.md"}
    present |= {f"{path.name}/" for path in SPECS.iterdir() if path.is_dir()}
    assert present <= linked


def test_sections_that_code_cites_exist() -> None:
    """Where code cites a section of a specification, by number or by title, the section is there."""
    by_number = re.compile(r"specs/([a-z-]+\.md)`?,\s+sections? ([0-9]+(?:\.[0-9]+)*)")
    by_title = re.compile(r'specs/([a-z-]+\.md)`?,\s+section "([^"]+)"')
    missing = []
    for path in [*ROOT.glob("client/**/*.py"), *ROOT.glob("server/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        text = re.sub(r"\s+#?\s*", " ", _text(path))
        for name, section in [*by_number.findall(text), *by_title.findall(text)]:
            heading = re.compile(
                rf"^#+ (?:{re.escape(section)}\.? .*|(?:[0-9.]+ )?{re.escape(section)})$", re.MULTILINE
            )
            if not (SPECS / name).is_file() or not heading.search(_text(SPECS / name)):
                missing.append(f"{path.relative_to(ROOT)}: specs/{name} {section}")
    assert not missing


def test_every_path_is_described() -> None:
    """Each route of the server is in `specs/api.md` with its method, and each path there is a route."""
    app = make_application(object.__new__(LogService))
    routes = set()
    for route in app.router.routes():
        assert isinstance(route.resource, web.Resource)
        path = route.resource.canonical.replace("{suffix}", "<N>[.p/<W>]")
        path = path.replace("{level}", "<L>").replace("{digest}", "<sha256>")
        path = path.replace("{kind}", "<kind>").replace("{value}", "<value>")
        names = ("issuance", "statements") if "{log}" in path else ("",)
        routes |= {(route.method, path.replace("{log}", name)) for name in names if route.method != "HEAD"}
    text = _text(SPECS / "api.md")
    described = set()
    for row in re.findall(r"^\| (`/.+)$", text, re.MULTILINE):
        paths, method = row.split(" | ")[:2]
        described |= {(method, path) for path in re.findall(r"`([^`]+)`", paths)}
    described |= {
        ("GET", f"/issuance/ct/v1/{name}") for name in re.findall(r"`(get-(?!roots)[a-z-]+)`", text)
    }
    assert routes == described


def _members(section: str) -> set[str]:
    """The member names in the first JSON of a section of `specs/api.md` that is an answer or a document."""
    after = _text(SPECS / "api.md").split(section, 1)[1]
    block = re.search(r"(?:^ {4}.*\n)+", after, re.MULTILINE)
    assert block is not None
    return set(re.findall(r'"([a-z_]+)":?', block[0]))


async def test_an_answer_has_the_members_that_are_described(tmp_path: Path) -> None:
    """What a log answers to a submission and to a statement has the described members, and no others."""
    async with running_log(tmp_path) as log:
        serial = 5_000_001
        leaf = log.world.leaf(serial=serial)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, serial)))
        assert set(answer.json) == _members("are sequenced, durable and published:")
        health = await log.get("/healthz")
        roots = await log.get("/issuance/ct/v1/get-roots")
    described = re.search(r"200 with `(\{.*?\})`", _text(SPECS / "api.md"), re.DOTALL)
    assert described is not None
    assert set(health.json) == set(re.findall(r'"([a-z_]+)":', described[1]))
    assert set(roots.json) == {"certificates"}


def test_trust_json_has_the_members_that_are_described() -> None:
    """What a log says of itself has the described members, and no others."""
    keys = LogKeys(
        Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()), Ed25519PrivateKey.generate()
    )
    document = json.loads(trust_document(LogIdentity("log.example", keys), "https://log.example"))
    names = set(document)
    for value in document.values():
        names |= set(value) if isinstance(value, dict) else set()
    assert names == _members("fetches it once and pins it, saying so.")
