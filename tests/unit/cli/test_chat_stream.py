"""Reading a streamed answer: nothing depends on where its bytes were cut."""

from __future__ import annotations

import pytest

from prxy.cli.chat_stream import Reading

WHOLE = (
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}\n\n'
    b": keep-alive\n"
    b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"Hm"},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"Gr\xc3\xbc"},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"n"},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
    b": prxy cost_usd=0.000007 provider=vllm model=org/m\n"
    b"data: [DONE]\n\n"
)
ERROR = b'data: {"error":{"message":"Lost.","type":"provider_error","param":null,"code":"provider_timeout"}}\n\n'


@pytest.mark.parametrize("size", [1, 2, 7, 64, len(WHOLE)])
def test_an_answer_is_the_same_however_it_is_cut(size: int) -> None:
    reading = Reading()

    pieces = [piece for at in range(0, len(WHOLE), size) for piece in reading.feed(WHOLE[at : at + size])]

    answer = reading.answer
    assert [(piece.text, piece.thought) for piece in pieces] == [("Hm", True), ("Grü", False), ("n", False)]
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Grün", "Hm", "stop")
    assert answer.usage == {"prompt_tokens": 3, "completion_tokens": 2}
    assert answer.told == {"cost_usd": "0.000007", "provider": "vllm", "model": "org/m"}
    assert answer.fault() is None


def test_an_error_in_the_stream_is_the_fault_of_the_answer() -> None:
    reading = Reading()

    pieces = [*reading.feed(WHOLE.partition(b": prxy")[0] + ERROR)]

    fault = reading.answer.fault()
    assert [piece.text for piece in pieces] == ["Hm", "Grü", "n"]
    assert fault is not None
    assert fault["code"] == "provider_timeout"


def test_an_event_that_is_no_json_is_a_fault_and_no_crash() -> None:
    reading = Reading()

    pieces = [*reading.feed(b"data: <html>\n\ndata: [DONE]\n\n")]

    fault = reading.answer.fault()
    assert pieces == []
    assert fault is not None
    assert fault["code"] == "no_json"


def test_a_stream_without_its_end_is_at_fault() -> None:
    reading = Reading()

    texts = [piece.text for piece in reading.feed(WHOLE[: -len(b"data: [DONE]\n\n")])]

    fault = reading.answer.fault()
    assert texts == ["Hm", "Grü", "n"]
    assert fault is not None
    assert fault["code"] == "stream_broken_off"


def test_a_refusal_is_shown_as_an_answer_is() -> None:
    reading = Reading()

    pieces = [*reading.feed(b'data: {"choices":[{"index":0,"delta":{"refusal":"No."}}]}\n\n')]

    assert [piece.text for piece in pieces] == ["No."]
