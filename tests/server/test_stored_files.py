# SPDX-License-Identifier: Apache-2.0
"""What each stored file means to lose or to alter: the table of `specs/log.md`, section 11, row by row.

A log is made once; each test damages a copy of its folder while no server runs, and starts a server on it.
"""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.testvendor.ca import TestCertificateAuthority
from support.running_log import running_log
from support.world import World

_SIZES = (3, 3)


async def _fill(place: Path) -> None:
    async with running_log(place) as log:
        for number in (1, 2, 3):
            leaf = log.world.leaf(f"Company {number}", serial=number)
            evidence = () if number == 3 else (log.world.evidence(leaf, number),)
            answer = await log.add_pre_chain(leaf.body(leaf.precertificate, *evidence))
            assert answer.status == 200
        assert await log.sizes() == _SIZES


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `log`, a log that ran and stopped, and `world`, its policy."""
    place = tmp_path_factory.mktemp("made")
    asyncio.run(_fill(place))
    return place


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    for name in ("log", "world"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def _alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    # In the first leaf of a data tile this is inside its TBSCertificate, which the leaf's hash covers.
    data[min(len(data) // 2, 200)] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


def _lose(path: Path) -> None:
    path.unlink()


async def _start(place: Path) -> tuple[int, int]:
    """Start a server under the policy in force, log one more certificate and stop; the sizes before that."""
    world = World(place / "world")
    async with running_log(place, world) as log:
        sizes = await log.sizes()
        leaf = world.leaf("One more", serial=99)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate))
        assert (answer.status, answer.json.get("leaf_index")) == (200, sizes[0])
        return sizes


@pytest.mark.parametrize("name", ["checkpoint", "sct", "statement"])
@pytest.mark.parametrize("damage", [_lose, _alter])
async def test_a_log_does_not_start_without_its_keys(
    copy: Path, name: str, damage: Callable[[Path], None]
) -> None:
    """A key that is lost is not made anew, and one that was altered is refused."""
    damage(copy / "log" / "keys" / f"{name}.pem")
    with pytest.raises(StoreError):
        await _start(copy)


@pytest.mark.parametrize("name", ["checkpoint", "sct", "statement"])
async def test_another_logs_key_is_refused(
    copy: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """The key of another log did not sign what is committed."""
    other = tmp_path_factory.mktemp("other")
    await _fill(other)
    shutil.copy(other / "log" / "keys" / f"{name}.pem", copy / "log" / "keys" / f"{name}.pem")
    with pytest.raises(StoreError, match="key"):
        await _start(copy)


async def test_a_lost_lock_database_is_not_made_anew(copy: Path) -> None:
    """Without it nobody knows what was signed last."""
    for path in (copy / "log").glob("log.sqlite*"):
        path.unlink()
    with pytest.raises(StoreError, match="put it back"):
        await _start(copy)


async def test_an_older_lock_database_is_refused(copy: Path) -> None:
    """What is published is later: going on would sign a second history."""
    old = copy / "old"
    old.mkdir()
    for path in (copy / "log").glob("log.sqlite*"):
        shutil.copy(path, old / path.name)
    await _start(copy)
    for path in (copy / "log").glob("log.sqlite*"):
        path.unlink()
    for path in old.iterdir():
        shutil.copy(path, copy / "log" / path.name)
    with pytest.raises(StoreError, match="later"):
        await _start(copy)


@pytest.mark.parametrize("log", ["issuance", "statements"])
async def test_a_lost_checkpoint_is_published_again(copy: Path, log: str) -> None:
    """It is in the lock database."""
    _lose(copy / "log" / log / "checkpoint")
    assert await _start(copy) == _SIZES


@pytest.mark.parametrize("log", ["issuance", "statements"])
async def test_an_altered_checkpoint_stops_the_log(copy: Path, log: str) -> None:
    """Somebody was at the store: a person has to look."""
    _alter(copy / "log" / log / "checkpoint")
    with pytest.raises(StoreError):
        await _start(copy)


@pytest.mark.parametrize(
    "path",
    [
        "issuance/tile/0/000.p/3",
        "issuance/tile/data/000.p/3",
        "statements/tile/0/000.p/3",
        "statements/tile/entries/000.p/3",
    ],
)
@pytest.mark.parametrize("damage", [_lose, _alter])
async def test_the_edge_of_a_tree_is_needed_and_checked(
    copy: Path, path: str, damage: Callable[[Path], None]
) -> None:
    """A tile or bundle at the edge that is missing or altered stops the log, and is named with what to do."""
    damage(copy / "log" / path)
    with pytest.raises(StoreError, match=r"restore|damaged"):
        await _start(copy)


async def test_a_lost_issuer_does_not_stop_a_log(copy: Path) -> None:
    """An issuer above an entry is needed to verify the chain again, and is written again when it is submitted."""
    roots = {digest.hex() for digest in _policy_roots(copy)}
    (issuer,) = (path for path in (copy / "log/issuance/issuer").iterdir() if path.name not in roots)
    _lose(issuer)
    assert await _start(copy) == _SIZES
    assert issuer.exists()


def _policy_roots(place: Path) -> list[bytes]:
    (policy,) = (place / "log" / "policy").iterdir()
    listed = re.search(rb'"roots":\[([^\]]*)\]', policy.read_bytes())
    assert listed is not None
    return [bytes.fromhex(digest.decode()) for digest in re.findall(rb'"([0-9a-f]{64})"', listed[1])]


def _loosen(policy: Path) -> None:
    """Make another policy of it, as somebody would who wants to be let in."""
    loose = re.sub(rb'"backfill":"[a-z]*"', b'"backfill":"any"', policy.read_bytes())
    assert loose != policy.read_bytes()
    policy.chmod(0o644)
    policy.write_bytes(loose)


@pytest.mark.parametrize("damage", [_lose, _alter, _loosen])
async def test_the_policy_in_force_is_needed(copy: Path, damage: Callable[[Path], None]) -> None:
    """A log does not judge by a policy that it cannot read, nor by one that does not hash to its name."""
    (policy,) = (copy / "log" / "policy").iterdir()
    damage(policy)
    with pytest.raises(StoreError, match="restore it"):
        await _start(copy)


def _swap(root: Path) -> None:
    """Put another CA's root of the same name in its place."""
    other = TestCertificateAuthority("North CA", "SE", seed=b"an intruder")
    root.chmod(0o644)
    root.write_bytes(other.root_der)


@pytest.mark.parametrize("damage", [_lose, _alter, _swap])
async def test_the_roots_of_the_policy_are_needed(copy: Path, damage: Callable[[Path], None]) -> None:
    """A root that is missing, or that does not hash to its name, is no root."""
    damage(copy / "log/issuance/issuer" / _policy_roots(copy)[0].hex())
    with pytest.raises(StoreError, match="restore it"):
        await _start(copy)


@pytest.mark.parametrize("damage", [_lose, _alter])
async def test_evidence_is_for_verifying_again(copy: Path, damage: Callable[[Path], None]) -> None:
    """Evidence that is lost or altered does not stop a log; readers, and monitors, find out."""
    damage(min((copy / "log" / "evidence").iterdir()))
    assert await _start(copy) == _SIZES


async def test_settings_are_needed(copy: Path) -> None:
    """Without its name a log does not start, and under another name it is not this log."""
    settings = copy / "log" / "settings.json"
    content = settings.read_bytes()
    _lose(settings)
    with pytest.raises(StoreError, match=r"settings\.json"):
        await _start(copy)
    settings.write_bytes(re.sub(rb'"name":"[^"]*"', b'"name":"another.example"', content))
    with pytest.raises(StoreError, match=r"another\.example"):
        await _start(copy)


@pytest.mark.parametrize("damage", [_lose, _alter])
async def test_trust_json_is_made_at_each_start(copy: Path, damage: Callable[[Path], None]) -> None:
    """It follows from keys and settings."""
    trust = copy / "log" / "trust.json"
    vkey = re.search(rb'"vkey":"[^"]*"', trust.read_bytes())
    damage(trust)
    assert await _start(copy) == _SIZES
    assert vkey is not None
    assert vkey[0] in trust.read_bytes()


async def test_the_lock_file_means_nothing_while_no_server_runs(copy: Path) -> None:
    """It may be lost."""
    _lose(copy / "log" / "lock")
    assert await _start(copy) == _SIZES
