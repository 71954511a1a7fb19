"""`prxy doctor`: each check says what it found and what to mend, and no key is ever shown."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import time
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from tests.api.conftest import Running
from tests.api.terminal import shown_at_terminal
from tests.api.upstream import Answer, Upstream

from prxy import __version__
from prxy.cli import prxy
from prxy.store import key_text
from prxy.store.schema import TABLE

CANARY = "sk-canary-0123456789abcdefWXYZ"
KEPT = {"PATH", "HOME", "LANG"}
"""All that the checks see of the tester's own environment."""
NOBODY = {"AWS_ACCESS_KEY_ID": "AKIAxxxxxxxxxxxxABCD", "AWS_SECRET_ACCESS_KEY": "canary-secret"}


def examined(*args: str, **variables: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status, and of each check what it says with its fix."""
    result = CliRunner(env=dict.fromkeys(set(os.environ) - KEPT) | variables).invoke(prxy, ["doctor", "--json", *args])
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    assert "canary" not in result.output
    return result.exit_code, {
        each["check"]: (each["status"], f"{each['message']} {each['fix'] or ''}") for each in document["checks"]
    }


def healthy(gateway: Running) -> dict[str, str]:
    keys = {"PRXY_API_KEY": gateway.api_key, "PRXY_ADMIN_KEY": gateway.admin_key}
    return {"PRXY_URL": gateway.url, "OPENAI_API_KEY": CANARY, **keys}


def test_all_is_well_where_the_gateway_runs_and_takes_the_keys(gateway: Running, tmp_path: Path) -> None:
    status, found = examined(**healthy(gateway))
    at_terminal, seen = shown_at_terminal("doctor", folder=tmp_path, **healthy(gateway))

    assert (status, at_terminal) == (0, 0)
    assert {name: mark for name, (mark, _) in found.items()} == dict.fromkeys(found, "ok")
    assert {"configuration", "pipeline", "provider openai", "table", "gateway", "version"} <= found.keys()
    assert {"gateway clock", "API key", "admin key"} <= found.keys()
    assert "…WXYZ" in found["provider openai"][1]
    assert "\x1b[32mok" in seen
    assert len(seen.splitlines()) == len(found)


@pytest.mark.parametrize(
    ("variables", "check", "status", "words"),
    [
        ({"PRXY_IDLE_TIMEOUT_S": "soon"}, "configuration", "fail", "PRXY_IDLE_TIMEOUT_S"),
        ({"GROQ_BASE_URL": "ftp://x"}, "configuration", "fail", "GROQ_BASE_URL"),
        ({"PRXY_PIPE": "exact-cach"}, "pipeline", "fail", "did you mean 'exact-cache'"),
        ({"PRXY_PIPE": '[{"airgap": {"denyEverything": true}}]'}, "pipeline", "fail", "denyAll"),
        ({"PRXY_TABEL": "x"}, "variables", "warn", "PRXY_TABLE"),
        ({"OPENAI_API_KEY": f'"{CANARY}"'}, "provider openai", "fail", "quotes"),
        ({"OPENAI_API_KEY": "sk-canary with a space"}, "provider openai", "fail", "space"),
        ({"OPENAI_API_KEY": "sk-..."}, "provider openai", "fail", "placeholder"),
        ({"AZURE_API_KEY": CANARY}, "provider azure", "fail", "AZURE_BASE_URL"),
        ({"OPENAI_API_KEY": ""}, "providers", "warn", "OPENAI_API_KEY"),
        ({"AWS_ACCESS_KEY_ID": "AKIAcanary"}, "provider bedrock", "fail", "AWS_SECRET_ACCESS_KEY"),
        ({**NOBODY, "AWS_ACCESS_KEY_ID": "ASIAcanary"}, "provider bedrock", "fail", "AWS_SESSION_TOKEN"),
        ({"AWS_PROFILE": "work"}, "provider bedrock", "warn", "export-credentials"),
        (NOBODY, "provider bedrock", "ok", "…ABCD"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1", **NOBODY}, "table", "fail", "AWS_ENDPOINT_URL_DYNAMODB"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://u:canary@127.0.0.1:1", **NOBODY}, "table", "fail", "…@127.0.0.1:1"),
        ({"PRXY_URL": "http://127.0.0.1:1"}, "gateway", "fail", "prxy serve"),
        ({"PRXY_URL": "nowhere"}, "gateway", "fail", "PRXY_URL"),
        ({"PRXY_API_KEY": "prxy_live_canary"}, "API key", "fail", "checksum"),
        ({"PRXY_API_KEY": key_text.generate().text}, "API key", "fail", "prxy keys create"),
        ({"PRXY_API_KEY": key_text.generate(admin=True).text}, "API key", "fail", "prxy_live_"),
        ({"PRXY_ADMIN_KEY": key_text.generate(admin=True).text}, "admin key", "fail", "401"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    gateway: Running, variables: Mapping[str, str], check: str, status: str, words: str
) -> None:
    exit_code, found = examined(**{**healthy(gateway), **variables})

    mark, said = found[check]
    assert mark == status
    assert words in said
    assert exit_code == (1 if status == "fail" else 0)


@pytest.mark.parametrize(("answered", "status"), [(200, "ok"), (401, "fail"), (429, "warn"), (500, "warn")])
def test_a_key_is_tried_at_its_provider_when_that_is_asked_for(
    gateway: Running, upstream: Upstream, answered: int, status: str
) -> None:
    key = upstream.put("sk-canary-doctor-online", Answer(status=answered, body=b"{}"))
    variables = {**healthy(gateway), "OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{upstream.url}/v1"}

    quiet, _ = examined(**variables)
    asked_quietly = list(upstream.asked[key])
    _, found = examined("--online", **variables)

    assert found["provider openai"][0] == status
    assert (quiet, asked_quietly) == (0, [])
    assert [asked.path for asked in upstream.asked[key]] == ["/v1/models"]


def dynamodb(url: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=NOBODY["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=NOBODY["AWS_SECRET_ACCESS_KEY"],
    )


def test_the_table_is_held_to_its_shape(gateway: Running, store: str) -> None:
    client, base = dynamodb(store), {**healthy(gateway), **NOBODY, "AWS_ENDPOINT_URL_DYNAMODB": store}
    whole: dict[str, Any] = dict(TABLE)
    bare = {name: value for name, value in whole.items() if name != "StreamSpecification"}
    pk = [{"AttributeName": "pk", "AttributeType": "S"}]
    client.create_table(TableName="doctor-bare", **bare)
    client.create_table(TableName="doctor-whole", **whole)
    client.update_time_to_live(
        TableName="doctor-whole", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    client.create_table(
        TableName="doctor-other",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=pk,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )

    found = {name: examined(**base, PRXY_TABLE=f"doctor-{name}") for name in ("none", "bare", "whole", "other")}

    marks = {name: {check: each[check][0] for check in each if "table" in check} for name, (_, each) in found.items()}
    assert marks == {
        "none": {"table": "warn"},
        "bare": {"table": "ok", "table expiry": "warn", "table stream": "warn"},
        "whole": {"table": "ok", "table expiry": "ok", "table stream": "ok"},
        "other": {"table": "fail"},
    }
    assert found["whole"][1]["clock"][0] == "ok"
    assert "update-time-to-live --table-name doctor-bare" in found["bare"][1]["table expiry"][1]


@contextmanager
def gateway_that_says(version: str, clock_off_s: float, status: str = "ok") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"status": status, "version": version, "providers": []}).encode()
            self.send_response_only(200)
            self.send_header("date", formatdate(time() + clock_off_s, usegmt=True))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            del args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.mark.parametrize(
    ("off_s", "status", "words"), [(0, "ok", "agrees"), (-60, "warn", "ahead"), (3600, "fail", "behind")]
)
def test_a_clock_that_is_off_is_told(off_s: float, status: str, words: str) -> None:
    with gateway_that_says(__version__, off_s) as url:
        _, found = examined(PRXY_URL=url)

    mark, said = found["gateway clock"]
    assert mark == status
    assert words in said


def test_another_version_and_another_server_are_told() -> None:
    with gateway_that_says("0.0.1", 0) as url:
        _, old = examined(PRXY_URL=url)
    with gateway_that_says("0.0.1", 0, status="a web page") as url:
        status, other = examined(PRXY_URL=url)

    assert old["version"][0] == "warn"
    assert "0.0.1" in old["version"][1]
    assert (status, other["gateway"][0]) == (1, "fail")
