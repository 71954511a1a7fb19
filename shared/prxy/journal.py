"""From a call that is over to its record."""

from __future__ import annotations

from msgspec import structs

from prxy.call_record import CallRecord
from prxy.canonical.errors import GatewayError
from prxy.pipeline.base import Call
from prxy.reply import Reply


def record_of(call: Call, reply: Reply | None, refusal: GatewayError | None, total_s: float) -> CallRecord:
    """`reply`: None where the call was refused before there was one."""
    error = refusal or (reply.error if reply else None)
    refused = CallRecord(
        request_id=call.id,
        key_id=call.key.id,
        tenant=call.key.tenant,
        format=call.request.format,
        stream=call.request.stream,
        requested_model=call.request.model,
        total_s=total_s,
        status=error.status if error else 200,
        error=error.code if error else None,
        cost_nano=0,
    )
    return refused if reply is None else _answered(refused, reply)


def _answered(record: CallRecord, reply: Reply) -> CallRecord:
    asking = reply.asking
    return structs.replace(
        record,
        provider=asking.plan.target.provider.row.name if asking else None,
        model=reply.model,
        finish=reply.finish,
        usage=reply.usage,
        cost_nano=asking.cost_nano if asking else 0,
        saved_nano=reply.saved.cost_nano if reply.saved else None,
        cache=reply.cached_by or None,
        replayed=reply.replayed,
        tried=tuple(each.target for each in asking.tried) if asking else (),
        first_byte_s=reply.first_byte_s,
        modules=reply.modules_s,
        modules_skipped=tuple(reply.skipped_modules),
    )
