# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI description: complete, true to the stable codes, and what a running server does (schemathesis)."""

import copy
import json
import re
import subprocess
import sys
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator

from keystead import __version__
from keystead_server.web.application import make_application
from keystead_server.web.service import LogService
from support.running_log import running_log
from support.served_log import ServedLog
from support.world import World

ROOT = Path(__file__).resolve().parents[3]
DESCRIPTION: dict[str, Any] = json.loads(
    (ROOT / "server/keystead_server/web/openapi.json").read_text("utf-8")
)
PRE = "/issuance/ct/v1/add-pre-chain"
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
_ROW = re.compile(r"\| `(?P<code>[a-z0-9-]+)` \| (?P<status>[0-9x]+) \|")


def operations() -> set[tuple[str, str]]:
    """(method, path) of everything that is described."""
    return {
        (method.upper(), path)
        for path, item in DESCRIPTION["paths"].items()
        for method in item
        if method in _METHODS
    }


async def test_it_is_served_and_is_the_one_in_the_specifications(tmp_path: Path) -> None:
    """The same bytes in both places, under the version of the package."""
    async with running_log(tmp_path) as log:
        served = await log.get("/openapi.json")
    assert served.body == (ROOT / "specs" / "openapi.json").read_bytes()
    assert served.headers["Content-Type"] == "application/json"
    assert DESCRIPTION["info"]["version"] == __version__


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    """By method and path; a HEAD is answered wherever a GET is, as HTTP has it."""
    app = make_application(cast("LogService", object()))
    routes = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert routes == operations()


def test_references_lead_somewhere_and_schemas_are_schemas() -> None:
    """Each `$ref` names a component, each component is named, each schema is one of JSON Schema 2020-12."""
    text = json.dumps(DESCRIPTION)
    references = set(re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', text))
    components = {(kind, name) for kind, members in DESCRIPTION["components"].items() for name in members}
    assert text.count('"$ref"') == len(re.findall(r'"\$ref": "#/components/\w+/\w+"', text))
    assert references == components
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_parameters_are_those_of_the_path() -> None:
    """Each name in braces is a parameter, and no other one says that it is in the path."""
    parameters = DESCRIPTION["components"]["parameters"]
    for path, item in DESCRIPTION["paths"].items():
        for operation in item.values():
            named = {
                parameters[parameter["$ref"].rpartition("/")[2]]["name"]
                for parameter in operation.get("parameters", [])
                if "$ref" in parameter
            }
            assert named == set(re.findall(r"{(\w+)}", path))


def test_the_codes_are_those_of_the_specification() -> None:
    """Each answer of `errors.md` is at some path under its status, and no other is described.

    `tests/vectors/make_openapi_codes.py` brings the description up to new ones.
    """
    documented = {
        (match["code"], match["status"])
        for match in _ROW.finditer((ROOT / "specs" / "errors.md").read_text("utf-8"))
    }
    found: set[tuple[str, str]] = set()
    statuses = dict(documented)
    for item in DESCRIPTION["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                name = response.get("$ref", "").rpartition("/")[2]
                if not name:
                    continue
                content = DESCRIPTION["components"]["responses"][name]["content"]
                (_, narrowed) = content["application/problem+json"]["schema"]["allOf"]
                for code in narrowed["properties"]["code"]["enum"]:
                    found.add((code, statuses[code]))
                    assert status == "4XX" or statuses[code] in {status, "4xx"}, (code, status)
    assert found == documented


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Whatever follows the description or breaks it: no 500, and each answer is as described.

    Of schemathesis' checks, one asks that what the schemas allow is accepted: what makes a certificate good is
    in no schema.
    """
    world = World(tmp_path / "world")
    with ServedLog(tmp_path / "log", world.write_policy(), "--index-period", 50) as log:
        leaf = world.leaf(serial=7)
        piece = world.evidence(leaf, 7)
        body = leaf.body(leaf.precertificate, piece)
        request = urllib.request.Request(log.url + PRE, data=body, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(log.url + "/policy", timeout=60) as answer:
            policy = sha256(answer.read()).hexdigest()
        described = copy.deepcopy(DESCRIPTION)
        # What stands in no description: digests that this log knows, and a submission that it takes.
        paths = described["paths"]
        parameter = described["components"]["parameters"]["digest"]
        for path, digest in (
            ("/evidence/{digest}", piece.digest.hex()),
            ("/issuance/issuer/{digest}", sha256(leaf.authority.intermediate_der).hexdigest()),
            ("/policy/{digest}", policy),
        ):
            paths[path]["get"]["parameters"] = [{**parameter, "example": digest}]
        paths[PRE]["post"]["requestBody"]["content"]["application/json"]["example"] = json.loads(body)
        (tmp_path / "openapi.json").write_text(json.dumps(described), "utf-8")
        arguments = (
            *("run", "openapi.json", "--url", log.url, "--max-examples", "25", "--generation-deterministic"),
            *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
            *("--warnings", "off", "--no-color"),
        )
        ended = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"Tested: {len(operations())}" in ended.stdout
        code, said = log.stop()
        assert (code, "Traceback" in said) == (0, False), said
