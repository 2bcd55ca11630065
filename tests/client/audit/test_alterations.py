# SPDX-License-Identifier: Apache-2.0
"""Every single alteration of what a log serves is found, and named where it is."""

import random
from collections.abc import Callable

import pytest

from keystead.audit.report import AuditReport
from keystead.ct.tile_leaf import decode_data_tile, encode_data_tile
from keystead.tlog.tiles import TILE_WIDTH, decode_bundle, encode_bundle
from support.audited_history import AuditedHistory, small_history
from support.log_folder import ServedFiles, files_of

Files = dict[str, bytes]

DATA, TILE = "issuance/tile/data/000.p/5", "issuance/tile/0/000.p/5"
ENTRIES, STATEMENT_TILE = "statements/tile/entries/000.p/9", "statements/tile/0/000.p/9"


@pytest.fixture(scope="module")
def history() -> AuditedHistory:
    """A log with something of everything."""
    return small_history()


@pytest.fixture(scope="module")
def files(history: AuditedHistory) -> Files:
    """Its files."""
    return files_of(history.log)


@pytest.fixture(scope="module")
def large() -> AuditedHistory:
    """A log whose trees have tiles of level 1: 300 entries, and 261 statements."""
    history = AuditedHistory()
    with history.one_batch():
        for number in range(1, 301):
            history.certificate(f"Organization {number}", serial=number, evidence=number <= 260)
    return history


@pytest.fixture(scope="module")
def large_files(large: AuditedHistory) -> Files:
    """Its files."""
    return files_of(large.log)


def named(report: AuditReport) -> set[tuple[str, int | str | None]]:
    """Code and place of each problem: the file, else the entry."""
    return {(one.code, one.path or one.index) for one in report.problems}


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    """The bytes with one bit flipped."""
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


async def test_an_honest_log(history: AuditedHistory, files: Files) -> None:
    """Nothing is wrong with the log that is altered here, and everything in it was read."""
    report = await history.audit_now(ServedFiles(files))
    assert report.problems == ()
    assert report.ok
    assert (report.issuance_size, report.statements_size) == (5, 9)
    assert report.evidence_checked == report.evidence_under_own_anchors == 3
    assert report.waiting == report.unjudged == 0


async def test_any_flipped_bit(history: AuditedHistory, files: Files) -> None:
    """One bit flipped anywhere in any file: found, and the file or an entry in it is named."""
    source = random.Random(20260101)
    for path, data in files.items():
        if path == "trust.json":
            continue  # where the keys come from: nothing can be checked without it
        bundle = path if "/tile/data/" in path or "/tile/entries/" in path else None
        for at in source.sample(range(len(data)), 40 if bundle else 5):
            altered = {**files, path: flipped(data, at, 1 << source.randrange(8))}
            report = await history.audit_now(ServedFiles(altered))
            places = {one.path for one in report.problems}
            places |= {bundle for one in report.problems if one.index is not None and bundle == home(one.log)}
            assert path in places, (path, at, report.problems)


def home(log: str) -> str:
    """The bundle that the entries of a small log lie in."""
    return DATA if log.endswith("/issuance") else ENTRIES


async def test_any_missing_file(history: AuditedHistory, files: Files) -> None:
    """Any file taken away: found and named, and nothing else is accused."""
    for path in files.keys() - {"trust.json"}:
        report = await history.audit_now(ServedFiles({name: files[name] for name in files if name != path}))
        assert {one.path for one in report.problems} == {path}, path
        assert {one.code.removeprefix(one.code.split("-")[0]) for one in report.problems} == {"-withheld"}


def swap_entries(files: Files) -> Files:
    """Two statements change places."""
    entries = decode_bundle(files[ENTRIES], 9)
    entries[3], entries[4] = entries[4], entries[3]
    return {**files, ENTRIES: encode_bundle(entries)}


def swap_leaves(files: Files) -> Files:
    """Two issuance entries change places."""
    leaves = decode_data_tile(files[DATA], 5)
    leaves[0], leaves[3] = leaves[3], leaves[0]
    return {**files, DATA: encode_data_tile(leaves)}


def drop_entry(files: Files) -> Files:
    """A bundle holds one entry fewer than its name says."""
    return {**files, DATA: encode_data_tile(decode_data_tile(files[DATA], 5)[:-1])}


def append_to_bundle(files: Files) -> Files:
    """A bundle has a byte too many."""
    return {**files, ENTRIES: files[ENTRIES] + b"\0"}


def shorten_tile(files: Files) -> Files:
    """A hash tile lacks a hash."""
    return {**files, TILE: files[TILE][:-32]}


def swap_hashes(files: Files) -> Files:
    """Two hashes of a tile change places."""
    tile = files[STATEMENT_TILE]
    return {**files, STATEMENT_TILE: tile[32:64] + tile[:32] + tile[64:]}


def checkpoint_of_the_other_log(files: Files) -> Files:
    """The checkpoint of one log is served for the other."""
    return {**files, "statements/checkpoint": files["issuance/checkpoint"]}


def unsigned_tree_head(files: Files) -> Files:
    """The issuance checkpoint lacks its tree head signature."""
    lines = files["issuance/checkpoint"].splitlines(keepends=True)
    return {**files, "issuance/checkpoint": b"".join(lines[:-1])}


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (swap_entries, {("entry-altered", ENTRIES)}),
        (swap_leaves, {("entry-altered", DATA)}),
        (drop_entry, {("bundle-altered", DATA)}),
        (append_to_bundle, {("bundle-altered", ENTRIES)}),
        (shorten_tile, {("tile-altered", TILE)}),
        (swap_hashes, {("tile-altered", STATEMENT_TILE)}),
        (checkpoint_of_the_other_log, {("checkpoint-invalid", "statements/checkpoint")}),
        (unsigned_tree_head, {("checkpoint-invalid", "issuance/checkpoint")}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_an_altered_file(
    history: AuditedHistory,
    files: Files,
    alter: Callable[[Files], Files],
    expected: set[tuple[str, int | str | None]],
) -> None:
    """An altered file is named with what is wrong with it, and nothing else is accused."""
    report = await history.audit_now(ServedFiles(alter(files)))
    assert named(report) == expected


async def test_swapped_entries_are_named_by_their_index(history: AuditedHistory, files: Files) -> None:
    """Entries that change places are both named."""
    report = await history.audit_now(ServedFiles(swap_entries(files)))
    assert [one.index for one in report.problems] == [3, 4]


async def test_what_the_hash_does_not_cover(history: AuditedHistory, files: Files) -> None:
    """The precertificate and the fingerprints in a data tile are bound to the entry all the same."""
    leaves = decode_data_tile(files[DATA], 5)
    assert leaves[1].precertificate
    other = next(leaf for leaf in leaves if leaf.fingerprints != leaves[1].fingerprints)
    for altered in (
        # Another chain, which verifies: of another issuing key than the entry's, which did not sign the leaf.
        type(leaves[1])(leaves[1].entry, leaves[1].precertificate, other.fingerprints),
        # The root alone, which did not issue the leaf.
        type(leaves[1])(leaves[1].entry, leaves[1].precertificate, leaves[1].fingerprints[1:]),
        # No chain at all.
        type(leaves[1])(leaves[1].entry, leaves[1].precertificate, ()),
        # A precertificate that says the same under another signature.
        type(leaves[1])(leaves[1].entry, flipped(leaves[1].precertificate, -1), leaves[1].fingerprints),
    ):
        tile = encode_data_tile([leaves[0], altered, *leaves[2:]])
        report = await history.audit_now(ServedFiles({**files, DATA: tile}))
        assert {one.index for one in report.problems} == {1}, report.problems
        assert not any(one.signed for one in report.problems), "a repair of the file takes it back"
        hashed = await history.audit_now(ServedFiles({**files, DATA: tile}), hashes_only=True)
        assert hashed.ok, "hashes do not show it"


@pytest.mark.parametrize("prefix", ["issuance", "statements"])
async def test_tiles_of_a_higher_level(large: AuditedHistory, large_files: Files, prefix: str) -> None:
    """A wrong hash tile of level 1 is named, and so is a full one of level 0; entries are not accused."""
    for path in (f"{prefix}/tile/1/000.p/1", f"{prefix}/tile/0/000"):
        for at in (0, len(large_files[path]) - 1):
            altered = {**large_files, path: flipped(large_files[path], at)}
            report = await large.audit_now(ServedFiles(altered), hashes_only=True)
            assert named(report) == {("tile-altered", path)}
        missing = {name: data for name, data in large_files.items() if name != path}
        report = await large.audit_now(ServedFiles(missing), hashes_only=True)
        assert named(report) == {("tile-withheld", path)}


async def test_entries_of_full_bundles(large: AuditedHistory, large_files: Files) -> None:
    """An altered entry in a full bundle is named by its index, whatever else is altered elsewhere."""
    path = "issuance/tile/data/000"
    leaves = decode_data_tile(large_files[path], TILE_WIDTH)
    end = len(encode_data_tile(leaves[:101]))
    assert large_files[path][end - 70 : end]  # behind entry 100 come its fingerprints
    start = len(encode_data_tile(leaves[:100]))
    altered = {
        **large_files,
        path: flipped(large_files[path], start + 200),
        "statements/tile/1/000.p/1": bytes(32),
        "issuance/tile/0/001.p/44": bytes(44 * 32),
    }
    report = await large.audit_now(ServedFiles(altered), hashes_only=True)
    assert {(one.code, one.path, one.index) for one in report.problems} == {
        ("entry-altered", path, 100),
        ("tile-altered", "statements/tile/1/000.p/1", None),
        ("tile-altered", "issuance/tile/0/001.p/44", None),
    }


async def test_a_missing_bundle_does_not_accuse_the_rest(large: AuditedHistory, large_files: Files) -> None:
    """Where entries are missing, statements about them are left unjudged, and counted."""
    path = "issuance/tile/data/000"
    report = await large.audit_now(
        ServedFiles({name: data for name, data in large_files.items() if name != path})
    )
    assert named(report) == {("bundle-withheld", path)}
    assert report.unjudged == 256


async def test_the_whole_large_log(large: AuditedHistory, large_files: Files) -> None:
    """Nothing is wrong with it, read by several processes or by one."""
    alone = await large.audit_now(ServedFiles(large_files))
    assert alone.ok
    assert alone.evidence_checked == 260
    assert await large.audit_now(ServedFiles(large_files), jobs=2) == alone
