"""What `fitting` leaves out, and the details of knobs that only their own format knows."""

from __future__ import annotations

from collections.abc import Iterator

from prxy.canonical.loss import Loss
from prxy.canonical.parts import Text
from prxy.canonical.request import ChatRequest, Message, Sampling
from prxy.formats.base import foreign_losses

UNKNOWN = "the provider has no such setting"


def says_more_than_text(message: Message) -> bool:
    """Whether a message holds anything but plain texts, which every wire can say."""
    for part in message.parts:
        if type(part) is not Text or part.extras is not None or part.cache is not None:
            return True
    return message.name is not None or message.extras is not None


def detail_losses(request: ChatRequest, format_: str) -> Iterator[Loss]:
    """A format may keep its own spelling of an output schema among the extras: that is no loss."""
    output = request.output if request.output is not None and request.output.schema is None else None
    details = {"tool_choice": request.tool_choice, "output": output, "reasoning": request.reasoning}
    for field, options in details.items():
        for loss in foreign_losses(None if options is None else options.extras, format_):
            yield Loss(field=field, reason=f"of its details, the provider does not know {loss.field}")


def sampling_losses(sampling: Sampling) -> Iterator[Loss]:
    """Knobs of single tokens, blank stop sequences and a temperature above 1."""
    for name in ("frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs"):
        if getattr(sampling, name):
            yield Loss(field=f"sampling.{name}", reason=UNKNOWN)
    if any(not sequence.strip() for sequence in sampling.stop):
        yield Loss(field="sampling.stop", reason="the provider refuses blank stop sequences; they are left out")
    if sampling.temperature is not None and sampling.temperature > 1:
        yield Loss(field="sampling.temperature", reason="the provider takes at most 1; it is lowered to 1")
