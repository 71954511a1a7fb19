"""AWS KMS on loopback, as moto plays it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import make_server

REGION = "us-east-1"


@contextmanager
def running_kms() -> Iterator[tuple[str, str]]:
    """Its URL, and the ARN of a key there."""
    server = make_server("127.0.0.1", 0, create_backend_app("kms"), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client("kms", endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    try:
        yield url, str(client.create_key()["KeyMetadata"]["Arn"])
    finally:
        client.close()
        server.shutdown()
        thread.join(5)
        server.server_close()
