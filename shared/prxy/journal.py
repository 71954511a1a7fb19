"""From a request that is over to its record."""

from __future__ import annotations

from msgspec import Struct, structs

from prxy.call_record import CallRecord, Operation, Refusal, Trace
from prxy.canonical.errors import GatewayError
from prxy.pipeline.base import Call
from prxy.reply import Reply
from prxy.routing import Target

MAX_PATH_CHARS = 200


class Abandoned(GatewayError):
    """The client went away before its answer was whole. Never sent; 499 is what web servers log for it."""

    status = 499
    type = "abandoned"
    default_code = "abandoned"


class Passage(Struct, kw_only=True):
    """What is known so far of a request on its way through."""

    operation: Operation
    request_id: str
    path: str
    began_at: float
    """Epoch seconds."""
    trace: Trace | None = None
    call: Call | None = None
    """None until it was let in at the door."""
    reply: Reply | None = None
    admitted_s: float | None = None
    """Seconds until there was a reply to send."""
    counted_by: Target | None = None
    """Who counted the tokens, None where they were estimated."""
    refusal: GatewayError | None = None
    """What was raised instead of an answer, or in the midst of it."""

    def noted(self, total_s: float) -> CallRecord | Refusal:
        if self.call is not None:
            return _record(self, self.call, total_s)
        refusal = self.refusal or GatewayError()
        return Refusal(
            request_id=self.request_id,
            path=self.path[:MAX_PATH_CHARS],
            status=refusal.status,
            error=refusal.code,
            error_family=refusal.type,
        )


def _record(passage: Passage, call: Call, total_s: float) -> CallRecord:
    reply = passage.reply
    call = reply.call if reply else call
    error = passage.refusal or (reply.error if reply else None)
    record = CallRecord(
        request_id=call.id,
        key_id=call.key.id,
        tenant=call.key.tenant,
        project=call.key.project,
        operation=passage.operation,
        format=call.request.format,
        stream=call.request.stream,
        requested_model=call.request.model,
        began_at=passage.began_at,
        total_s=total_s,
        trace=passage.trace,
        status=error.status if error else 200,
        error=error.code if error else None,
        error_family=error.type if error else None,
        provider=passage.counted_by.provider.row.name if passage.counted_by else None,
        cost_nano=0,
        admitted_s=passage.admitted_s,
    )
    return record if reply is None else _answered(record, reply)


def _answered(record: CallRecord, reply: Reply) -> CallRecord:
    asking, plan = reply.asking, reply.plan
    return structs.replace(
        record,
        provider=plan.target.provider.row.name if plan else None,
        model=reply.model,
        listed_model=plan.card.id if plan and plan.card.prices else None,
        finish=reply.finish,
        usage=reply.usage,
        cost_nano=asking.cost_nano if asking else 0,
        saved_nano=reply.saved.cost_nano if reply.saved else None,
        spared=reply.spared,
        cache=reply.cached_by or None,
        replayed=reply.replayed,
        tried=tuple(each.target for each in asking.tried) if asking else (),
        first_byte_s=reply.first_byte_s,
        modules=reply.modules_s,
        modules_skipped=tuple(reply.skipped_modules),
    )
