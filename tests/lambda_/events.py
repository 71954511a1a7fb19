"""Events as API Gateway's REST proxy integration writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping


def make_event(
    path: str = "/v1/chat/completions",
    *,
    method: str = "POST",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    request_id: str = "gateway-request-1",
) -> bytes:
    sent = {"Host": "gateway.test", "Content-Type": "application/json", **(headers or {})}
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": request_id,
            "resourcePath": path,
            "httpMethod": method,
            "path": path,
            "stage": "test",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }
    return json.dumps(event).encode()
