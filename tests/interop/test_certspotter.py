# SPDX-License-Identifier: Apache-2.0
"""SSLMate's `certspotter` follows the log over RFC 6962: it verifies tree heads and reports what it watches for."""

import json
import shutil
import subprocess
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from keystead.encoding.der import SEQUENCE, encode
from keystead.testvendor.certificates import extension
from support.served_log import ServedLog
from support.world import World

PATIENCE = 120.0
"""Seconds after which a program that says nothing is ended."""


def program() -> str:
    """Where it is; without it, the test is skipped."""
    found = shutil.which("certspotter")
    if found is None:
        pytest.skip("certspotter is absent: install Debian's package of that name")
    return found


def names(host: str) -> bytes:
    """A SubjectAltName: what certspotter looks for is names of hosts."""
    return extension("2.5.29.17", encode(SEQUENCE, encode(0x82, host.encode())))


class Watched:
    """A served log, and certspotter's configuration for it in `folder`."""

    def __init__(self, log: ServedLog, world: World, folder: Path) -> None:
        self._log = log
        self._world = world
        self._folder = folder
        self._logged = 0
        with urllib.request.urlopen(log.url + "/issuance/log.v3.json", timeout=60) as answer:
            entry = json.load(answer)
        now = {"timestamp": "2026-01-01T00:00:00Z"}
        described = {name: entry[name] for name in ("description", "log_id", "key", "url", "mmd")}
        operator = {
            "name": "Test",
            "email": ["a@b.example"],
            "logs": [{**described, "state": {"usable": now}}],
        }
        self.list = folder / "list.json"
        self.list.write_text(
            json.dumps({"version": "1", "log_list_timestamp": now["timestamp"], "operators": [operator]})
        )
        (folder / "watchlist").write_text(".watched.example\n")

    def add(self, count: int, host: str) -> int:
        """Log `count` precertificates, one of which names the host; that one's leaf index."""
        bodies = []
        for number in range(count):
            self._logged += 1
            extensions = (names(host),) if number == count // 2 else ()
            leaf = self._world.leaf(f"Org {self._logged}", serial=self._logged, extra_extensions=extensions)
            bodies.append(leaf.body(leaf.precertificate))
        with ThreadPoolExecutor(16) as threads:
            indices = list(threads.map(self._submit, bodies))
        return indices[count // 2]

    def _submit(self, body: bytes) -> int:
        path = self._log.url + "/issuance/ct/v1/add-pre-chain"
        request = urllib.request.Request(path, data=body, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            index: int = json.load(answer)["leaf_index"]
        return index

    def follow(self) -> str:
        """Run certspotter until it has saved where it stands; what it said."""
        command = [
            *(program(), "-logs", str(self.list), "-watchlist", str(self._folder / "watchlist")),
            *("-state_dir", str(self._folder / "state"), "-stdout", "-verbose"),
        ]
        environment = {
            "HOME": str(self._folder),
            "CERTSPOTTER_CONFIG_DIR": str(self._folder / "configuration"),
        }
        said = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            watchdog = threading.Timer(PATIENCE, process.kill)
            watchdog.start()
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.append(line)
                    if "saving state in defer" in line or "error" in line.lower():
                        process.terminate()
            finally:
                process.kill()
                watchdog.cancel()
        return "".join(said)

    @property
    def state(self) -> Any:
        """Where it says that it stands."""
        (path,) = (self._folder / "state" / "logs").glob("*/state.json")
        return json.loads(path.read_text())


def test_it_follows_the_log_and_finds_what_it_watches(tmp_path: Path) -> None:
    """All entries of two looks, across bundles; each head verified against its own hash of them; each name found."""
    program()
    world = World(tmp_path / "world")
    with ServedLog(tmp_path / "log", world.write_policy()) as log:
        watched = Watched(log, world, tmp_path)
        for count, total in ((270, 270), (40, 310)):
            index = watched.add(count, f"at-{total}.watched.example")
            said = watched.follow()
            assert f"DNS Name = at-{total}.watched.example" in said, said
            assert f"Log Entry = {index} @ {log.url}/issuance/" in said, said
            state = watched.state
            assert state["verified_position"]["size"] == state["verified_sth"]["tree_size"] == total
        assert len(list((tmp_path / "state" / "certs").rglob("*.pem"))) == 2
        assert not list((tmp_path / "state" / "logs").glob("*/malformed_entries/*"))
