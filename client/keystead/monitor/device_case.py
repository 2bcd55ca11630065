# SPDX-License-Identifier: Apache-2.0
"""One device before the rules: what bears on it, and what several rules work out of that, once."""

from functools import cached_property

from keystead.monitor.coverage import Coverage
from keystead.monitor.exposure import Timeline
from keystead.monitor.model import DeviceView
from keystead.monitor.standing import Standing, standings
from keystead.monitor.subscribers import Subscribers

__all__ = ["DeviceCase"]


class DeviceCase:
    """Everything that rules about devices ask for.

    Args:
        view: all that bears on the device.
        subscribers: who is whom, of at least the certificates in view.
    """

    def __init__(self, view: DeviceView, subscribers: Subscribers) -> None:
        self.view = view
        self.subscribers = subscribers

    @property
    def device_id(self) -> bytes:
        """32 bytes."""
        return self.view.device.device_id

    @cached_property
    def coverage(self) -> Coverage:
        """When audited services cover the device."""
        return Coverage(self.view)

    @cached_property
    def standings(self) -> list[Standing]:
        """How certificates stand on the device; those of one certificate follow each other."""
        return list(standings(self.view, self.subscribers, self.coverage))

    @cached_property
    def may_be_shared(self) -> bool:
        """Whether two certificates in view could expose the device at all: for most devices, not."""
        certificates = self.view.certificates
        return (
            # A device that evidence proves to be a cloud provider's is multi-tenant by design.
            not self.view.device.cloud
            and len({certificate.key for certificate in certificates}) > 1
            and self.subscribers.ever_differ(certificate.subscriber for certificate in certificates)
        )

    @cached_property
    def timeline(self) -> Timeline:
        """When the device serves several subscribers at once without being covered for each."""
        return Timeline(self.standings if self.may_be_shared else [], self.subscribers, self.coverage)
