"""Hosts that a call may go to."""

from __future__ import annotations

import re

from msgspec import structs

from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Ports
from prxy.pipeline.spec import invalid

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


class Airgap(Module):
    """Let a call go to the named hosts only, or to none. Enforced where bytes leave, for every provider and every
    attempt; answers from a cache need no host.
    """

    name = "airgap"
    on_failure = OnFailure.REJECT
    shapes = False

    class Options(ModuleOptions, frozen=True, kw_only=True):
        allowed_hosts: tuple[str, ...] = ()
        """Names of hosts; what is below one (`eu.api.example.com`) is allowed with it. Empty: those of the providers
        that the operator configured, where calls go anyway."""
        deny_all: bool = False
        """No host at all: only caches may answer."""

    def __init__(self, options: Options, ports: Ports) -> None:
        for host in options.allowed_hosts:
            if not _HOST.fullmatch(host.lower()):
                raise invalid(f"options of 'airgap': '{host[:64]}' is not the name of a host, such as api.openai.com")
        self._options = options

    async def before(self, call: Call) -> Call:
        hosts = () if self._options.deny_all else tuple(host.lower() for host in self._options.allowed_hosts)
        if not hosts and not self._options.deny_all:
            return call
        return structs.replace(call, egress=hosts)
