"""Let the provider read from its prompt cache what it has read before.

A prompt is cached by its prefix: tools, then system text, then conversation. So what stands in front must not change
from call to call (order of tools, clocks in the system text), and where the provider wants marks, they stand where the
next call reads.

    tools .. | static system text .. | what was settled a call ago .. | what is settled now .. | question, volatile text
           mark                    mark                             mark                     mark
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, structs

from prxy.canonical.request import ChatRequest, HostedTool, Role, Tool
from prxy.modules.prompt_optimizer.marks import client_marks, marked, marks_its_end
from prxy.modules.prompt_optimizer.sizes import Zone, chars_to
from prxy.modules.prompt_optimizer.volatile import separated, with_last_words
from prxy.pipeline.base import Ability, Call, Module, ModuleOptions, OnFailure, Ports


class PromptOptimizer(Module):
    """Keep the front of a prompt equal from call to call, and mark how far the provider may cache it, so that a
    conversation is paid for once and then read at the price of cached input. Tools are sorted by name for every
    provider; marks are set only for models that take them. Of a prompt shorter than `minCacheableChars` nothing else
    changes.
    """

    name = "prompt-optimizer"
    on_failure = OnFailure.SKIP

    class Options(ModuleOptions, frozen=True, kw_only=True):
        cache_control: Literal["auto", "manual", "off"] = "auto"
        """auto: up to four marks, the client's own included; where it marked tools, system text or conversation itself,
        no mark is added there. manual: only the client's own marks. off: the request stays as it came.
        """
        separate_static: bool = True
        """Whether lines at the end of the system text that change from call to call (the date, the time, the id of a
        session) are said after the newest message instead, so that all before them can be cached.
        """
        min_cacheable_chars: Annotated[int, Meta(ge=1, le=10_000_000)] = 1024
        """Least characters in front of a mark."""

    def __init__(self, options: Options, ports: Ports) -> None:
        self._options, self._models = options, ports.models

    async def before(self, call: Call) -> Call:
        options, request = self._options, call.request
        if options.cache_control == "off":
            return call
        request, volatile = structs.replace(request, tools=_sorted(request)), ""
        least = options.min_cacheable_chars
        if chars_to(request, Zone.CONVERSATION, len(request.messages)) < least:
            return structs.replace(call, request=request)
        if options.separate_static and not _must_end_as_it_does(request):
            request, volatile = separated(request)
        if options.cache_control == "auto" and self._takes_marks(call):
            request = marked(request, least)
        return structs.replace(call, request=with_last_words(request, volatile))

    def _takes_marks(self, call: Call) -> bool:
        facts = self._models.facts(call.targets[0] if call.targets else call.request.model, call)
        return facts is not None and Ability.PROMPT_CACHE in facts.abilities


def _must_end_as_it_does(request: ChatRequest) -> bool:
    """The model is to go on from the last words, or the client has the last words cached."""
    return request.messages[-1].role is Role.ASSISTANT or marks_its_end(request)


def _sorted(request: ChatRequest) -> tuple[Tool, ...]:
    """By name. Tools of the provider keep their places, and all do where the client marked one."""
    tools = request.tools
    if any(zone is Zone.TOOLS for zone, _ in client_marks(request)):
        return tools
    ordered = iter(sorted((tool for tool in tools if not isinstance(tool, HostedTool)), key=lambda tool: tool.name))
    return tuple(tool if isinstance(tool, HostedTool) else next(ordered) for tool in tools)
