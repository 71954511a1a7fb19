"""A pipeline module of one's own: every prompt begins with the rules of the house."""

from msgspec import structs

from prxy.canonical.parts import Text
from prxy.canonical.request import Instructions, Role
from prxy.pipeline.base import Call, Module, ModuleOptions, OnFailure, Ports


class HouseRules(Module):
    """Put the rules of the house before the system text."""

    name = "house-rules"
    version = "1.0.0"
    on_failure = OnFailure.REJECT

    class Options(ModuleOptions, frozen=True, kw_only=True):
        text: str = "Answer briefly."
        """The rules."""

    def __init__(self, options: Options, ports: Ports) -> None:
        self._options = options

    async def before(self, call: Call) -> Call:
        old = call.request.instructions or Instructions(role=Role.SYSTEM, parts=())
        rules = structs.replace(old, parts=(Text(text=self._options.text), *old.parts))
        return structs.replace(call, request=structs.replace(call.request, instructions=rules))
