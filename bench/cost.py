"""`python -m bench.cost`: what a million calls cost, on Lambda and on an always-on container. `--write`: docs/cost.md.

What the gateway itself uses is measured here (write units, bytes of log lines); how long providers take and how long
answers are is what the three workloads say. What the models cost is not counted: it is the same everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from bench.admission import crowds
from bench.processes import ROOT
from bench.store import USD_PER_MILLION_UNITS
from prxy.call_record import CallRecord, Operation
from prxy.canonical.response import Usage
from prxy.logs import JsonLines
from prxy.telemetry.words import of_answer, of_call

PAGE = ROOT / "docs" / "cost.md"
MILLION = 1_000_000
GB = 1024**3

LAMBDA_GB_SECOND = 0.0000133334
"""arm64, us-east-1, first tier: https://aws.amazon.com/lambda/pricing/, as of 2026-11-22."""
LAMBDA_REQUEST = 0.20 / MILLION
STREAMED_GB = 0.008
"""Of an answer, what is beyond its first 6 MB; the same page."""
API_REQUEST = 3.50 / MILLION
"""REST API, first tier: https://aws.amazon.com/api-gateway/pricing/, as of 2026-11-22."""
LOG_GB = 0.50
"""Ingested by CloudWatch Logs: https://aws.amazon.com/cloudwatch/pricing/, as of 2026-11-22."""
TRANSFER_GB = 0.09
"""Out to the internet, first tier: https://aws.amazon.com/ec2/pricing/on-demand/, as of 2026-11-22."""
FARGATE_VCPU_HOUR, FARGATE_GB_HOUR = 0.03238, 0.00356
"""arm64, us-east-1: https://aws.amazon.com/fargate/pricing/, as of 2026-11-22."""
BALANCER_HOUR, BALANCER_UNIT_HOUR = 0.0225, 0.008
"""Application Load Balancer: https://aws.amazon.com/elasticloadbalancing/pricing/, as of 2026-11-22."""
ADDRESS_HOUR = 0.005
"""One public IPv4 address: https://aws.amazon.com/vpc/pricing/, as of 2026-11-22."""
ACCESS_LINE_BYTES = 400
"""API Gateway's line of a call, in the format of template.yaml."""
HOURS = 730
"""Of a month."""
CONTAINER_CPU_S = 0.004
"""CPU seconds of one call, TLS to both sides included: three times what `make bench` measures without it."""
CONTAINER_BUSY = 0.4
"""Share of its CPU that a container may use before another one is started."""


_EXAMPLE = CallRecord(
    request_id="req_0123456789abcdef01234567",
    key_id="0123456789ab",
    tenant="example-company",
    operation=Operation.CHAT,
    format="openai_chat",
    stream=True,
    requested_model="claude-sonnet-4-5",
    began_at=1_795_348_800.0,
    total_s=3.0,
    provider="anthropic",
    model="claude-sonnet-4-5-20250929",
    finish=("stop",),
    usage=Usage(input_tokens=1000, output_tokens=500, cached_input_tokens=800),
    cost_nano=10_500_000,
    first_byte_s=0.8,
)
PAGE_TEXT = """\
# What it costs

`python -m bench.cost --write` writes this page: USD for a million calls, without what the models cost. Idle, the
deployment costs the storage of its table and its logs, and nothing else.

{table}

Measured for it: write units of a call by the calls of its key that run at the same time (`python -m bench.store`), and
the bytes of its log lines ({logged}). Assumed:

{loads}
- **Lambda**: {memory} MB, arm64. A function is paid by the millisecond for as long as the provider takes, so its share
  falls with its memory: half of that does for calls that are not slow to start.
- **Container**: at least two of a quarter vCPU and 0.5 GB behind a load balancer, the same table. A call takes 4 ms of
  its CPU, a container is kept below 40 % of it. They are paid whether calls come or not, but not by the second of
  waiting: for many long calls all day they are cheaper, for few or bursty ones Lambda is.
- List prices of us-east-1, first tiers, without free tiers; each stands with its source in `bench/cost.py`.

A call that a cache answers costs its request, one read and a few milliseconds: on the first of the workloads less than
4 USD a million.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    title: str
    seconds: float
    """From the request to the last byte of the answer: the provider's time, nearly all of it."""
    answer_bytes: int
    request_bytes: int
    in_flight: int
    """Calls of the same key that run at a time, itself included."""
    calls_a_month: int


WORKLOADS = (
    Workload(
        title="chat: short answers, streamed",
        seconds=3.0,
        answer_bytes=12_000,
        request_bytes=4_000,
        in_flight=4,
        calls_a_month=MILLION // 10,
    ),
    Workload(
        title="coding agents: long prompts, long streams",
        seconds=25.0,
        answer_bytes=60_000,
        request_bytes=250_000,
        in_flight=12,
        calls_a_month=MILLION,
    ),
    Workload(
        title="classification: one word, whole",
        seconds=0.8,
        answer_bytes=1_000,
        request_bytes=2_000,
        in_flight=2,
        calls_a_month=10 * MILLION,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """USD for a million calls."""

    compute: float
    requests: float
    table: float
    logs: float
    transfer: float

    @property
    def total(self) -> float:
        return self.compute + self.requests + self.table + self.logs + self.transfer


def serverless(load: Workload, memory_mb: int, units: int, line_bytes: int) -> Bill:
    return Bill(
        compute=MILLION * load.seconds * memory_mb / 1024 * LAMBDA_GB_SECOND,
        requests=MILLION * (LAMBDA_REQUEST + API_REQUEST),
        table=units * USD_PER_MILLION_UNITS,
        logs=MILLION * line_bytes / GB * LOG_GB,
        transfer=_transfer(load),
    )


def container(load: Workload, units: int, line_bytes: int) -> Bill:
    """Two containers of a quarter vCPU and half a GB at least, so that one may fail; more where calls need more CPU."""
    busy_vcpu = load.calls_a_month * CONTAINER_CPU_S / (HOURS * 3600) / CONTAINER_BUSY
    many = max(2, -(-busy_vcpu // 0.25))
    hours = many * (0.25 * FARGATE_VCPU_HOUR + 0.5 * FARGATE_GB_HOUR + ADDRESS_HOUR)
    month = HOURS * (hours + BALANCER_HOUR + BALANCER_UNIT_HOUR)
    return Bill(
        compute=month * MILLION / load.calls_a_month,
        requests=0.0,
        table=units * USD_PER_MILLION_UNITS,
        logs=MILLION * line_bytes / GB * LOG_GB,
        transfer=_transfer(load),
    )


def _transfer(load: Workload) -> float:
    """Answers go out to clients, requests to providers."""
    return MILLION * (load.answer_bytes + load.request_bytes) / GB * TRANSFER_GB


def line_bytes() -> int:
    """Of the two lines that a call writes: the gateway's own and API Gateway's access line."""
    own = logging.makeLogRecord({"msg": "call", "levelname": "INFO", **of_call(_EXAMPLE), **of_answer(_EXAMPLE)})
    return len(JsonLines().format(own)) + ACCESS_LINE_BYTES


def render(memory_mb: int) -> str:
    units = {crowd.holds: crowd.units for crowd in asyncio.run(crowds(max(load.in_flight for load in WORKLOADS)))}
    logged = line_bytes()
    rows: list[Sequence[str]] = []
    for load in WORKLOADS:
        written = units[load.in_flight]
        for where, bill in (
            ("Lambda", serverless(load, memory_mb, written, logged)),
            ("container", container(load, written, logged)),
        ):
            cells = (bill.compute, bill.requests, bill.table, bill.logs, bill.transfer, bill.total)
            rows.append([load.title, f"{load.calls_a_month:,}", where, *(f"{usd:.2f}" for usd in cells)])
    header = ["workload", "calls a month", "on", "compute", "requests", "table", "logs", "transfer", "sum"]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---", "--:", "---", *["--:"] * 6], *rows))
    loads = "\n".join(
        f"- **{load.title}**: {load.seconds:g} s, {load.request_bytes:,} bytes in, {load.answer_bytes:,} bytes out, "
        f"{load.in_flight} calls of a key at a time ({units[load.in_flight]} write units)."
        for load in WORKLOADS
    )
    return PAGE_TEXT.format(table=table, loads=loads, memory=memory_mb, logged=logged)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument("--memory-mb", type=int, default=1024, help="memory of the inference functions (1024)")
    parser.add_argument("--write", action="store_true", help="write docs/cost.md")
    asked = parser.parse_args()
    page = render(asked.memory_mb)
    if asked.write:
        PAGE.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
