# SPDX-License-Identifier: Apache-2.0
"""RFC 6962's own read calls (sections 4.3 to 4.6 and 4.8), answered from the same tiles.

For clients that speak only RFC 6962. All of it can be computed from what static-ct-api serves; `get-entries`
answers at most up to the end of a bundle, which section 4.6 allows.
"""

from aiohttp import web

from keystead.ct.leaf import PRECERT_ENTRY
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.encoding.decimal import parse_decimal
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.encoding.tls import opaque24
from keystead.errors import ParseError, RefusedError
from keystead.tlog.digitally_signed import encode_digitally_signed
from keystead.tlog.tiles import TILE_WIDTH, bundle_path
from keystead_server.web.service import SERVICE, LogService

__all__ = ["add_ct_read_routes"]


def add_ct_read_routes(app: web.Application) -> None:
    """Add the RFC 6962 read calls to `app`."""
    router = app.router
    router.add_get("/issuance/ct/v1/get-sth", _get_sth)
    router.add_get("/issuance/ct/v1/get-sth-consistency", _get_sth_consistency)
    router.add_get("/issuance/ct/v1/get-proof-by-hash", _get_proof_by_hash)
    router.add_get("/issuance/ct/v1/get-entries", _get_entries)
    router.add_get("/issuance/ct/v1/get-entry-and-proof", _get_entry_and_proof)


async def _get_sth(request: web.Request) -> web.Response:
    log = request.app[SERVICE].log
    head = log.tree_head
    return _json(
        {
            "tree_size": log.issuance.size,
            "timestamp": head.timestamp,
            "sha256_root_hash": encode_base64(log.issuance.root),
            "tree_head_signature": encode_base64(encode_digitally_signed(head.signature)),
        }
    )


async def _get_sth_consistency(request: web.Request) -> web.Response:
    tree = request.app[SERVICE].log.issuance
    second = _number(request, "second", tree.size)
    first = _number(request, "first", second)
    proof = tree.consistency_proof(first, second) if first else []
    return _json({"consistency": [encode_base64(value) for value in proof]})


async def _get_proof_by_hash(request: web.Request) -> web.Response:
    log = request.app[SERVICE].log
    size = _number(request, "tree_size", log.issuance.size)
    try:
        # An unescaped plus sign arrives as a space: base64 has no other use for one.
        leaf_hash = decode_base64(_parameter(request, "hash").replace(" ", "+"), '"hash"')
    except ParseError as error:
        raise RefusedError("bad-parameter", str(error)) from error
    index = log.records.index_of_leaf(leaf_hash)
    if index is None or index >= size:
        raise RefusedError("leaf-not-found", f"no entry of the first {size} has this leaf hash", status=404)
    path = log.issuance.inclusion_proof(index, size)
    return _json({"leaf_index": index, "audit_path": [encode_base64(value) for value in path]})


async def _get_entries(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    size = service.log.issuance.size
    if not size:
        raise RefusedError("bad-parameter", "the log has no entries yet")
    start = _number(request, "start", size - 1)
    end = _number(request, "end", None)
    if end < start:
        raise RefusedError("bad-parameter", '"end" is before "start"')
    last = min(end, size - 1, start // TILE_WIDTH * TILE_WIDTH + TILE_WIDTH - 1)
    leaves = await _bundle(service, start // TILE_WIDTH)
    entries = []
    for leaf in leaves[start % TILE_WIDTH : last % TILE_WIDTH + 1]:
        leaf_input, extra_data = await _wire(service, leaf)
        entries.append({"leaf_input": leaf_input, "extra_data": extra_data})
    return _json({"entries": entries})


async def _get_entry_and_proof(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    tree = service.log.issuance
    size = _number(request, "tree_size", tree.size)
    if not size:
        raise RefusedError("bad-parameter", "an empty tree has no entries")
    index = _number(request, "leaf_index", size - 1)
    leaf = (await _bundle(service, index // TILE_WIDTH))[index % TILE_WIDTH]
    leaf_input, extra_data = await _wire(service, leaf)
    path = [encode_base64(value) for value in tree.inclusion_proof(index, size)]
    return _json({"leaf_input": leaf_input, "extra_data": extra_data, "audit_path": path})


async def _bundle(service: LogService, index: int) -> list[TileLeaf]:
    width = min(TILE_WIDTH, service.log.issuance.size - index * TILE_WIDTH)
    path = "issuance/" + bundle_path("data", index, width)
    data = await service.objects.get(path)
    if data is None:
        raise RefusedError("not-found", f"{path} is missing from the store", status=404)
    return decode_data_tile(data, width)


async def _wire(service: LogService, leaf: TileLeaf) -> tuple[str, str]:
    """`leaf_input` and `extra_data` of one entry (section 4.6)."""
    chain = []
    for digest in leaf.fingerprints:
        der = await service.objects.get(f"issuance/issuer/{digest.hex()}")
        if der is None:
            raise RefusedError("not-found", f"issuer {digest.hex()} is missing from the store", status=404)
        chain.append(opaque24(der))
    extra_data = opaque24(b"".join(chain))
    if leaf.entry.entry_type == PRECERT_ENTRY:
        extra_data = opaque24(leaf.precertificate) + extra_data
    return encode_base64(leaf.entry.merkle_tree_leaf()), encode_base64(extra_data)


def _parameter(request: web.Request, name: str) -> str:
    values = request.query.getall(name, [])
    if len(values) != 1:
        raise RefusedError("bad-parameter", f'the query must have "{name}" exactly once')
    return values[0]


def _number(request: web.Request, name: str, maximum: int | None) -> int:
    try:
        value = parse_decimal(_parameter(request, name), f'"{name}"')
    except ParseError as error:
        raise RefusedError("bad-parameter", str(error)) from error
    if maximum is not None and value > maximum:
        raise RefusedError("bad-parameter", f'"{name}" is {value}; it can be at most {maximum} now')
    return value


def _json(document: dict[str, object]) -> web.Response:
    return web.json_response(document, headers={"Cache-Control": "no-store"})
