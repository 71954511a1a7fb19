"""Which of a stream's reports of usage speaks for the whole answer."""

from __future__ import annotations

from prxy.canonical.events import PartDelta, PartStart, StreamEvent, UsageUpdate, Verbatim
from prxy.canonical.response import Usage

MAX_TOKENS = 10**9
"""No call reads or writes as many."""


class Meter:
    """Fed with a provider's events as they came. A report counts as long as no later frame says more of the answer.

    Anthropic reports at the start and again at the end, others with every chunk: where the last report is missing or
    unreadable, the one before would bill less than was used. So would one that contradicts itself.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """The final report, None where there is none."""
        self._grew = self._reported = False

    def add(self, event: StreamEvent) -> None:
        # a pattern would ask `isinstance`, which is slow for Structs
        if type(event) is PartDelta or type(event) is PartStart:
            self._grew = True
        elif type(event) is Verbatim:
            if self._grew and not self._reported:
                self.usage = None
            self._grew = self._reported = False
        elif type(event) is UsageUpdate:
            self.usage, self._reported = event.usage if is_sound(event.usage) else None, True


def is_sound(usage: Usage) -> bool:
    """Whether every count may be one, and no part is more than its whole."""
    read, cached, kept = usage.input_tokens, usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    hour, cached_audio = usage.cache_write_1h_tokens or 0, usage.cached_audio_tokens or 0
    audio, images = usage.audio_input_tokens or 0, usage.image_input_tokens or 0
    written, thought = usage.output_tokens, usage.reasoning_tokens or 0
    spoken, drawn = usage.audio_output_tokens or 0, usage.image_output_tokens or 0
    return (
        cached + kept <= read < MAX_TOKENS
        and audio + images <= read
        and hour <= kept
        and cached_audio <= min(cached, audio)
        and thought + spoken + drawn <= written < MAX_TOKENS
        and min(cached, kept, hour, audio, images, cached_audio, thought, spoken, drawn) >= 0
    )
