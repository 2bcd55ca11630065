# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping: folders that are ours and folders that are not, policies, signals, and a second server."""

import asyncio
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keystead.errors import StoreError, UsageError
from keystead_server.main import EmbeddedLog
from support.running_log import running_log
from support.world import World


async def start(folder: Path, **options: object) -> None:
    """Start a log and stop it again."""
    async with EmbeddedLog(folder, **options):  # type: ignore[arg-type]
        pass


async def test_an_absent_or_empty_folder_becomes_a_log(tmp_path: Path) -> None:
    """Keys are readable by their owner alone, and trust.json says what to trust."""
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent" / "deep", tmp_path / "empty"):
        await start(folder)
        assert json.loads((folder / "trust.json").read_bytes())["version"] == 1
        for key in (folder / "keys").iterdir():
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
        await start(folder)


async def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    """Nothing is written into a folder that is not a log's."""
    (tmp_path / "letter.txt").write_text("dear reader")
    with pytest.raises(StoreError, match="is not empty and holds no log"):
        await start(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear reader"


@pytest.mark.parametrize(
    "lost", ["settings.json", "keys/sct.pem", "log.sqlite", "statements/tile/0/000.p/1", "policy"]
)
async def test_an_incomplete_log_is_refused_with_what_to_do(tmp_path: Path, lost: str) -> None:
    """A missing file is named, and never made anew."""
    folder = tmp_path / "log"
    await start(folder)
    path = folder / lost
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
    else:
        path.unlink()
    with pytest.raises(StoreError, match="backup"):
        await start(folder)


async def test_a_creation_that_was_cut_short_begins_anew(tmp_path: Path) -> None:
    """The mark says that nobody was told of that log."""
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "creating").touch()
    (folder / "keys").mkdir()
    (folder / "keys" / "sct.pem").write_text("half a k")
    await start(folder)
    assert not (folder / "creating").exists()


async def test_a_second_server_on_one_folder_is_refused(tmp_path: Path) -> None:
    """With the sentence that names the folder."""
    async with EmbeddedLog(tmp_path / "log"):
        with pytest.raises(StoreError, match="in use by another server"):
            await start(tmp_path / "log")


async def test_a_log_keeps_its_name_and_may_change_its_url(tmp_path: Path) -> None:
    """The name is in every checkpoint; the URL is only in trust.json."""
    folder = tmp_path / "log"
    async with EmbeddedLog(folder, name="log.example/2026", url="https://log.example/") as log:
        assert (log.name, log.url) == ("log.example/2026", "https://log.example")
    async with EmbeddedLog(folder) as log:
        assert log.name == "log.example/2026"
        assert log.url.startswith("http://127.0.0.1:")
    with pytest.raises(UsageError, match="a log keeps its name"):
        await start(folder, name="other.example")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"listen": "nowhere"}, "is no address"),
        ({"listen": "127.0.0.1:99999"}, "is no address"),
        ({"listen": ":8470"}, "has no host"),
        ({"name": "spaces are bad"}, "is no log name"),
        ({"name": "plus+bad"}, "is no log name"),
        ({"url": "ftp://x"}, "is no base URL"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, options: dict[str, str], sentence: str
) -> None:
    """One clear sentence, and no log."""
    with pytest.raises(UsageError, match=sentence):
        await start(tmp_path / "log", **options)
    assert not (tmp_path / "log" / "settings.json").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[issuance", "is not TOML"),
        ('[issuance]\nroots = ["absent.pem"]', "cannot be read"),
        ('[issuance]\nrots = ["x"]', "'rots', which means nothing there"),
        ("[limits]\npol = 3", "'pol', which means nothing there"),
        ("[limits]\npool = -1", "not a whole number"),
        ('[issuance]\nbackfill = "maybe"', "backfill cannot be 'maybe'"),
        ('[[vendor_anchor]]\nname = "x"\ncertificate = "no.pem"\nformats = []', "cannot be read"),
        ('[[party]]\nname = "x"\nkinds = ["log-policy"]\nkey = "key.pem"', "."),
        ('[[distrusted]]\nkey = "00"\nfrom = 2026-01-01T00:00:00Z', "64 hexadecimal digits"),
    ],
)
async def test_a_wrong_policy_file_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    """What is wrong, and where; no log is made."""
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    with pytest.raises(UsageError, match=sentence):
        await start(tmp_path / "log", policy=policy)
    assert not (tmp_path / "log").exists()


async def test_a_policy_can_change_while_the_log_runs(tmp_path: Path) -> None:
    """The change is a statement; what waits under the old policy is not admitted under the new one."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(key=log.world.vendor.yubikey(7).generate())
        assert (await log.add_chain(leaf.body(leaf.certificate()))).code == "backfill-needs-evidence"
        assert not await log.server.reload_policy()
        log.world.write_policy(backfill="any")
        assert await log.server.reload_policy()
        assert (await log.add_chain(leaf.body(leaf.certificate()))).status == 200
        assert await log.kinds() == ["log-policy", "log-policy"]
        (log.world.folder / "policy.toml").write_text("nonsense")
        with pytest.raises(UsageError):
            await log.server.reload_policy()
        assert (await log.get("/policy")).json["backfill"] == "any"


async def test_a_log_that_names_its_successor_is_read_only(tmp_path: Path) -> None:
    """410 for what is new, also after a restart; what is logged is still answered and served."""
    world = World(tmp_path / "world")
    async with running_log(tmp_path, world) as log:
        leaf = world.leaf(serial=7)
        first = await log.add_pre_chain(leaf.body(leaf.precertificate))
    path = world.write_policy()
    path.write_text('successor = "next.example/statements"\n' + path.read_text())
    for _ in range(2):
        async with running_log(tmp_path, world, policy=path) as log:
            again = await log.add_pre_chain(leaf.body(leaf.precertificate))
            assert again.json["serialized_sct"] == first.json["serialized_sct"]
            other = world.leaf("Other", serial=8)
            answer = await log.add_pre_chain(other.body(other.precertificate))
            assert (answer.status, answer.code) == (410, "log-ended")
            assert await log.sizes() == (1, 2)


async def test_stopping_answers_what_waits(tmp_path: Path) -> None:
    """A submission in the pool is sequenced and answered while the server stops."""
    async with running_log(tmp_path, period_ms=5000) as log:
        first = log.world.leaf("First", serial=1)
        await log.add_pre_chain(first.body(first.precertificate))
        leaf = log.world.leaf(serial=7)
        waiting = asyncio.create_task(log.add_pre_chain(leaf.body(leaf.precertificate)))
        while not log.server.sequencer.waiting:
            await asyncio.sleep(0)
        closing = asyncio.create_task(log.server.sequencer.close())
        answer = await waiting
        assert answer.status == 200
        await closing
        late = log.world.leaf("Late", serial=9)
        refused = await log.add_pre_chain(late.body(late.precertificate))
        assert (refused.status, refused.code) == (503, "closing")
        assert "Retry-After" in refused.headers


def test_sigterm_ends_the_real_server_with_exit_0(tmp_path: Path) -> None:
    """It says where it serves, reloads on SIGHUP, and leaves the folder to the next one."""
    policy = World(tmp_path / "world").write_policy()
    command = [sys.executable, "-m", "keystead.cli.main", "serve", "--data", str(tmp_path / "log")]
    command += ["--listen", "127.0.0.1:0", "--policy", str(policy), "--json"]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            document = json.loads(server.stdout.readline())
            assert document["url"].startswith("http://127.0.0.1:")
            server.send_signal(signal.SIGHUP)
            server.terminate()
            assert server.wait(timeout=30) == 0
