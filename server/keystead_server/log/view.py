# SPDX-License-Identifier: Apache-2.0
"""What the rules for statements may ask of the log: everything that is committed, nothing that is only promised."""

from collections.abc import Collection, Iterable

from keystead.errors import StoreError
from keystead.statements.entry import parse_statement_entry
from keystead.statements.rights import logged_statement
from keystead.statements.view import LoggedCertificate, LoggedStatement, ServiceView
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from keystead_server.log.open_log import OpenLog

__all__ = ["LogView"]


class LogView:
    """A `StatementView` of an open log as it stands now."""

    def __init__(self, log: OpenLog) -> None:
        self._log = log

    @property
    def origin(self) -> str:
        """The origin of the statement log."""
        return self._log.identity.statements_origin

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        """The certificate of an issuance entry."""
        entry = self._log.records.entry(issuance_index)
        return None if entry is None else LoggedCertificate(*entry)

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        """Whether the certificate itself is logged."""
        return self._log.records.has_final_certificate(certificate_id)

    def statement_at(self, index: int) -> LoggedStatement | None:
        """The statement at a leaf index, read from its bundle."""
        size = self._log.statements.size
        if index >= size:
            return None
        width = min(TILE_WIDTH, size - index // TILE_WIDTH * TILE_WIDTH)
        path = "statements/" + bundle_path("entries", index // TILE_WIDTH, width)
        data = self._log.blobs.get(path)
        if data is None:
            raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
        entry = parse_statement_entry(decode_bundle(data, width)[index % TILE_WIDTH])
        return logged_statement(index, entry, self._log.policies)

    def service(self, service_id: bytes) -> ServiceView | None:
        """The service as it stands now."""
        return self._log.registry.service(service_id)

    def services_with(self, device_id: bytes) -> Iterable[ServiceView]:
        """The services that ever enrolled a device."""
        return self._log.registry.services_with(device_id)

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        """Whether a logged certificate under one of these issuing keys is on a device."""
        return self._log.records.issued_on(device_id, issuers)
