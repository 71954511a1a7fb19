"""A request of another format, made into one that this wire allows: knobs, tools and instructions.

What is left out without harm is told by `losses`; what cannot be left out is refused here.
"""

from __future__ import annotations

from msgspec import structs

from prxy.canonical.errors import InvalidRequest
from prxy.canonical.parts import Text
from prxy.canonical.request import (
    ChatRequest,
    FunctionTool,
    Instructions,
    OutputFormat,
    OutputKind,
    ReasoningMode,
    ReasoningOptions,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
)
from prxy.formats.anthropic_messages.conversation import arrange
from prxy.formats.anthropic_messages.words import MAX_NAME_CHARS, NAME, STRING
from prxy.formats.base import make_extras
from prxy.formats.fitting import (
    FORCED,
    answer_schema,
    check_choice,
    check_tool,
    fit_sampling,
    instruction_texts,
    is_thinking,
    offered_tools,
    typed_schema,
)

LEAST_TOP_P_WHILE_THINKING = 0.95


def fit(request: ChatRequest) -> ChatRequest:
    """Raises InvalidRequest and UnsupportedFeature, naming the part or the field."""
    reasoning = _reasoning(request.reasoning)
    tools = tuple([_tool(tool) for tool in offered_tools(request)])
    choice = _tool_choice(request.tool_choice, tools)
    _refuse_forced_call_while_thinking(choice, reasoning)
    return structs.replace(
        request,
        instructions=_instructions(request.instructions),
        messages=arrange(request.messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=_parallel(request.parallel_tool_calls, choice, tools),
        sampling=_sampling(request.sampling, reasoning),
        reasoning=reasoning,
        output=_output(request.output),
        service_tier=None,
    )


def _instructions(instructions: Instructions | None) -> Instructions | None:
    """One plain text stays a string, so that the prefix of a conversation is spelt the same in every turn."""
    if instructions is None:
        return None
    parts = instruction_texts(instructions)
    if not parts:
        return None
    texts = tuple(Text(text=part.text, cache=part.cache) for part in parts)
    return structs.replace(instructions, parts=texts, extras=make_extras(NAME, {}, *(STRING,) * (len(texts) == 1)))


def _tool(tool: Tool) -> Tool:
    check_tool(tool, NAME, MAX_NAME_CHARS)
    if not isinstance(tool, FunctionTool):
        return tool
    return structs.replace(tool, parameters=typed_schema(tool.parameters), strict=tool.strict or None)


def _tool_choice(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """Without tools there is nothing to choose from, and the provider refuses the field."""
    check_choice(choice, tools)
    return choice if tools else None


def _parallel(parallel: bool | None, choice: ToolChoice | None, tools: tuple[Tool, ...]) -> bool | None:
    """Parallel calls are the default, so only their absence is said, and only where calls are possible."""
    if parallel is not False or not tools or (choice is not None and choice.mode is ToolMode.NONE):
        return None
    return False


def _refuse_forced_call_while_thinking(choice: ToolChoice | None, reasoning: ReasoningOptions | None) -> None:
    """Only auto and none go with a budget, by the page that `without_what_thinking_forbids` names."""
    if choice is None or choice.mode not in FORCED or reasoning is None or reasoning.mode is not ReasoningMode.ON:
        return
    raise InvalidRequest(
        "'tool_choice' forces a tool call while a thinking budget is set; the model does not do both. "
        "Let the model choose or switch reasoning off.",
        param="tool_choice",
    )


def _sampling(sampling: Sampling, reasoning: ReasoningOptions | None) -> Sampling:
    if sampling.max_output_tokens is None:
        raise InvalidRequest(
            "'sampling.max_output_tokens' is missing; the model needs a limit for its answer.",
            code="missing_field",
            param="sampling.max_output_tokens",
        )
    fitted = fit_sampling(sampling)
    return without_what_thinking_forbids(fitted) if is_thinking(reasoning) else fitted


def without_what_thinking_forbids(sampling: Sampling) -> Sampling:
    """Temperature stays 1, top_k is not taken, top_p only from 0.95 on.

    https://docs.claude.com/en/docs/build-with-claude/extended-thinking (as of 2026-11)
    """
    keeps_top_p = sampling.top_p is not None and sampling.top_p >= LEAST_TOP_P_WHILE_THINKING
    return structs.replace(sampling, temperature=None, top_k=None, top_p=sampling.top_p if keeps_top_p else None)


def _reasoning(options: ReasoningOptions | None) -> ReasoningOptions | None:
    """What the layer above chose: a budget, or an effort. Thoughts are shown unless the wire says otherwise."""
    if options is None:
        return None
    include = True if options.include else None
    budget = options.budget_tokens or 0
    match options.mode:
        case ReasoningMode.OFF:
            return ReasoningOptions(mode=ReasoningMode.OFF)
        case ReasoningMode.ON | None if budget > 0:
            return ReasoningOptions(mode=ReasoningMode.ON, budget_tokens=budget, include=include)
        case ReasoningMode.ON | ReasoningMode.ADAPTIVE:
            return ReasoningOptions(mode=ReasoningMode.ADAPTIVE, effort=options.effort, include=include)
        case None:
            return None if options.effort is None else ReasoningOptions(effort=options.effort)


def _output(output: OutputFormat | None) -> OutputFormat | None:
    """The wire's format is always strict and has no name. A description goes into the schema, for the model to see."""
    schema = answer_schema(output)
    if output is None or schema is None:
        return None
    described = {} if output.description is None else {"description": output.description}
    return OutputFormat(kind=OutputKind.SCHEMA, schema={**described, **schema})
