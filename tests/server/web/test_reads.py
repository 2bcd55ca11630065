# SPDX-License-Identifier: Apache-2.0
"""What anyone may read, over HTTP, against a real server."""

import gzip
from base64 import b64decode, b64encode
from pathlib import Path

import aiohttp

from keystead.certificate.public_key import verify_signature
from keystead.ct.tile_leaf import decode_data_tile
from keystead.encoding.tls import Reader
from keystead.statements.policy import parse_policy
from keystead.tlog.checkpoint import tree_head_input
from keystead.tlog.digitally_signed import read_digitally_signed
from keystead.tlog.merkle import (
    hash_leaf,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from keystead.tlog.tiles import bundle_path, decode_bundle, edge_tiles, tile_path
from support.raw_http import exchange
from support.running_log import RunningLog, running_log

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


async def fill(log: RunningLog, count: int) -> None:
    """Log `count` certificates, one batch after the other where the period says so."""
    for number in range(count):
        leaf = log.world.leaf(f"Org {number}", serial=number + 1)
        assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200


async def test_tiles_bundles_and_checkpoint_agree(tmp_path: Path) -> None:
    """Every partial that a published size needs is there, and leads to the signed root."""
    async with running_log(tmp_path, period_ms=1) as log:
        await fill(log, 5)
        data = decode_data_tile((await log.get("/issuance/" + bundle_path("data", 0, 5))).body, 5)
        entries = decode_bundle((await log.get("/issuance/" + bundle_path("entries", 0, 5))).body, 5)
        assert [leaf.entry.merkle_tree_leaf() for leaf in data] == entries
        hashes = [hash_leaf(entry) for entry in entries]
        for level, index, width in edge_tiles(5):
            tile = (await log.get("/issuance/" + tile_path(level, index, width))).body
            assert tile == b"".join(hashes)
        text = (await log.get("/issuance/checkpoint")).body.decode()
        assert text.splitlines()[2] == b64encode(root_of(hashes)).decode()


async def test_what_is_absent_is_404_never_an_empty_200(tmp_path: Path) -> None:
    """Tiles beyond the tree, odd spellings, unknown digests, unknown paths."""
    async with running_log(tmp_path) as log:
        await fill(log, 1)
        for path in (
            "/issuance/tile/0/000",
            "/issuance/tile/0/000.p/2",
            "/issuance/tile/0/0",
            "/issuance/tile/0/x000/000.p/1",
            "/issuance/tile/00/000.p/1",
            "/issuance/tile/64/000.p/1",
            "/issuance/tile/0/000.p/0",
            "/issuance/tile/0/000.p/256",
            "/issuance/tile/data/001",
            "/issuance/tile/entries/000.p/3",
            "/statements/tile/data/000.p/1",
            "/statements/tile/entries/../../log.sqlite",
            "/issuance/issuer/" + "0" * 64,
            "/issuance/issuer/" + "A" * 64,
            "/evidence/" + "0" * 64,
            "/policy/" + "0" * 64,
            "/keys/sct.pem",
            "/settings.json",
            "/stage/x",
        ):
            answer = await log.get(path)
            assert (answer.status, answer.code) == (404, "not-found"), path


async def test_wrong_methods_are_405_with_the_right_one_named(tmp_path: Path) -> None:
    """As problem details, too."""
    async with running_log(tmp_path) as log:
        answer = await log.post("/issuance/checkpoint", b"")
        assert (answer.status, answer.code) == (405, "method-not-allowed")
        assert "GET" in answer.headers["Allow"]
        answer = await log.get("/statements/add")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_what_cannot_change_says_so_and_a_checkpoint_does_not(tmp_path: Path) -> None:
    """Cache headers, types, and any web page may read."""
    async with running_log(tmp_path) as log:
        await fill(log, 1)
        tile = await log.get("/issuance/tile/0/000.p/1")
        assert "immutable" in tile.headers["Cache-Control"]
        assert tile.headers["Access-Control-Allow-Origin"] == "*"
        checkpoint = await log.get("/issuance/checkpoint")
        assert checkpoint.headers["Cache-Control"] == "no-store"
        assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_bundles_are_compressed_for_those_who_ask(tmp_path: Path) -> None:
    """The same bytes inside; without the header they come as they are."""
    async with running_log(tmp_path) as log:
        await fill(log, 2)
        plain = await log.get("/issuance/tile/data/000.p/2", **{"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        async with (
            aiohttp.ClientSession(auto_decompress=False) as raw,
            raw.get(
                log.server.url + "/issuance/tile/data/000.p/2", headers={"Accept-Encoding": "gzip"}
            ) as response,
        ):
            assert response.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(await response.read()) == plain.body
        # What is compressed is remembered by no path that anybody can ask for.
        for mark in ("#gzip", "gzip:", ":gzip"):
            for path in (f"data/000.p/2{mark}", f"data/{mark}000.p/2"):
                escaped = path.replace("#", "%23").replace(":", "%3A")
                (answer,) = await exchange(
                    log.server.url,
                    f"GET /issuance/tile/{escaped} HTTP/1.1\r\nHost: log\r\nConnection: close\r\n\r\n".encode(),
                )
                assert answer.status == 404, path


async def test_policies_are_served_for_ever(tmp_path: Path) -> None:
    """The one in force, and any by its digest; a changed file is in force after the next start."""
    async with running_log(tmp_path) as log:
        first = await log.get("/policy")
        digest = parse_policy(first.body).digest.hex()
        assert (await log.get(f"/policy/{digest}")).body == first.body
    log.world.write_policy(backfill="any")
    async with running_log(tmp_path, log.world, policy=log.world.folder / "policy.toml") as again:
        second = await again.get("/policy")
        assert second.json["backfill"] == "any"
        assert (await again.get(f"/policy/{digest}")).body == first.body
        assert await again.kinds() == ["log-policy", "log-policy"]


async def test_rfc_6962_reads_agree_with_the_tiles(tmp_path: Path) -> None:
    """Tree head, consistency, proof by hash, entries, entry and proof."""
    async with running_log(tmp_path, period_ms=1) as log:
        await fill(log, 5)
        base = "/issuance/ct/v1/"
        head = (await log.get(base + "get-sth")).json
        root = b64decode(head["sha256_root_hash"])
        reader = Reader(b64decode(head["tree_head_signature"]), "tree_head_signature")
        signature = read_digitally_signed(reader)
        reader.finish()
        verify_signature(
            log.trust.issuance.sct_key, ECDSA_SHA256, signature, tree_head_input(head["timestamp"], 5, root)
        )
        entries = (await log.get(base + "get-entries?start=1&end=99")).json["entries"]
        leaves = [b64decode(entry["leaf_input"]) for entry in entries]
        assert len(leaves) == 4
        for index, leaf in enumerate(leaves, 1):
            value = b64encode(hash_leaf(leaf)).decode().replace("+", "%2B").replace("/", "%2F")
            proof = (await log.get(f"{base}get-proof-by-hash?hash={value}&tree_size=5")).json
            assert proof["leaf_index"] == index
            path = [b64decode(item) for item in proof["audit_path"]]
            verify_inclusion(hash_leaf(leaf), index, 5, path, root)
            both = (await log.get(f"{base}get-entry-and-proof?leaf_index={index}&tree_size=5")).json
            assert b64decode(both["leaf_input"]) == leaf
            assert both["audit_path"] == proof["audit_path"]
            assert both["extra_data"] == entries[index - 1]["extra_data"]
        first = (await log.get(base + "get-entries?start=0&end=0")).json["entries"][0]["leaf_input"]
        old = root_of([hash_leaf(leaf) for leaf in (b64decode(first), *leaves[:2])])
        path = (await log.get(base + "get-sth-consistency?first=3&second=5")).json["consistency"]
        verify_consistency(3, old, 5, root, [b64decode(item) for item in path])


async def test_rfc_6962_reads_refuse_what_makes_no_sense(tmp_path: Path) -> None:
    """Missing, doubled, signed, huge and reversed parameters are problems, not guesses."""
    async with running_log(tmp_path) as log:
        await fill(log, 2)
        for query in (
            "get-entries?start=0",
            "get-entries?start=0&end=-1",
            "get-entries?start=+0&end=1",
            "get-entries?start=2&end=2",
            "get-entries?start=1&end=0",
            "get-entries?start=0&start=0&end=1",
            "get-entries?start=0&end=99999999999999999999",
            "get-sth-consistency?first=2&second=1",
            "get-sth-consistency?first=0&second=9",
            "get-proof-by-hash?hash=x&tree_size=1",
            "get-entry-and-proof?leaf_index=1&tree_size=1",
        ):
            answer = await log.get("/issuance/ct/v1/" + query)
            assert (answer.status, answer.code) == (400, "bad-parameter"), query
        value = b64encode(bytes(32)).decode()
        answer = await log.get(f"/issuance/ct/v1/get-proof-by-hash?hash={value}&tree_size=2")
        assert (answer.status, answer.code) == (404, "leaf-not-found")


async def test_health_says_where_the_log_stands(tmp_path: Path) -> None:
    """Sizes, time and what waits."""
    async with running_log(tmp_path) as log:
        await fill(log, 1)
        document = (await log.get("/healthz")).json
        assert (document["status"], document["issuance_size"], document["statements_size"]) == ("ok", 1, 1)
