# SPDX-License-Identifier: Apache-2.0
"""The page at `/`, for people: what this log is, how large, under which keys and policy, and its newest entries.

Everything that a stranger wrote is shown through `name.display` and the template's escaping, under a content
security policy that allows no script at all: a hostile subject is text.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from keystead import __version__
from keystead.certificate.name import display
from keystead.certificate.x509 import parse_certificate, parse_tbs_certificate
from keystead.ct.leaf import PRECERT_ENTRY
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.encoding.rfc3339 import format_time
from keystead.errors import ParseError
from keystead.tlog.tiles import TILE_WIDTH, bundle_path
from keystead_server.web.service import SERVICE, LogService

__all__ = ["add_page_routes"]

NEWEST = 20
"""How many of the newest entries are shown."""

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_TEMPLATES = Environment(
    loader=PackageLoader("keystead_server.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One row of the table of entries: text, safe to show."""

    index: int
    logged: str
    kind: str
    subject: str
    issuer: str
    valid: str
    devices: tuple[str, ...]


def add_page_routes(app: web.Application) -> None:
    """Add the page and its style sheet to `app`."""
    app.router.add_get("/", _page)
    app.router.add_get("/style.css", _style)


async def _page(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    trust = service.trust_document
    text = _TEMPLATES.get_template("page.html").render(
        version=__version__,
        name=trust["name"],
        url=trust["issuance"]["url"].removesuffix("/issuance"),
        trust=trust,
        issuance=service.log.issuance.size,
        statements=service.log.statements.size,
        time=_moment(service.log.heads.time),
        policy=service.log.policy,
        policy_index=service.log.policy_index,
        successor=service.log.successor,
        entries=await newest_entries(service),
    )
    return web.Response(
        text=text,
        content_type="text/html",
        headers={
            "Content-Security-Policy": _POLICY,
            "Cache-Control": "no-cache",
            "Referrer-Policy": "no-referrer",
        },
    )


async def _style(request: web.Request) -> web.Response:
    del request
    text = _TEMPLATES.get_template("style.css").render()
    return web.Response(text=text, content_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


async def newest_entries(service: LogService) -> list[ShownEntry]:
    """The newest entries of the issuance log, newest first."""
    size = service.log.issuance.size
    shown: list[ShownEntry] = []
    end = size
    while end and len(shown) < NEWEST and end > size - 2 * TILE_WIDTH:
        index = (end - 1) // TILE_WIDTH
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        data = await service.objects.get("issuance/" + bundle_path("data", index, width))
        if data is None:
            break
        for leaf in reversed(decode_data_tile(data, width)):
            if len(shown) == NEWEST:
                break
            shown.append(_shown(service, leaf))
        end = index * TILE_WIDTH
    return shown


def _shown(service: LogService, leaf: TileLeaf) -> ShownEntry:
    entry = leaf.entry
    precertificate = entry.entry_type == PRECERT_ENTRY
    try:
        read = parse_tbs_certificate if precertificate else parse_certificate
        certificate = read(entry.signed)
        subject, issuer = display(certificate.subject), display(certificate.issuer)
        valid = f"{_day(certificate.not_before)} to {_day(certificate.not_after)}"
    except ParseError:
        subject = issuer = valid = "cannot be read"
    known = service.log.records.entry(entry.leaf_index)
    devices = {
        device.hex()
        for piece in (service.log.records.evidence(known[0]) if known is not None else ())
        for device in piece.devices
    }
    return ShownEntry(
        entry.leaf_index,
        _moment(entry.timestamp),
        "precertificate" if precertificate else "certificate",
        subject,
        issuer,
        valid,
        tuple(sorted(devices)),
    )


def _moment(milliseconds: int) -> str:
    return format_time(milliseconds // 1000)


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "a date that cannot be shown"
