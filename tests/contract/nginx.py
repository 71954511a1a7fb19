"""nginx on loopback, in front of a server of the tests, where the machine has it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = os.environ.get("PRXY_TEST_NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
"""`PRXY_TEST_NGINX` names one that is not on the path."""

_CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    gzip on; gzip_min_length 1; gzip_types *;
    keepalive_requests 7;
    client_max_body_size 8m;
    location /small {{ client_max_body_size 1k; proxy_pass {behind}; }}
    location /file {{ alias {folder}/file; }}
    location /empty {{ return 204; }}
    location /moved {{ return 307 /elsewhere; }}
    location /session {{ return 200 $ssl_session_reused; }}
    location /broken {{ proxy_pass http://127.0.0.1:9; }}
    location /old/ {{ proxy_pass {behind}/; chunked_transfer_encoding off; proxy_buffering off; }}
    location / {{ proxy_pass {behind}; proxy_http_version 1.1; proxy_buffering off; }}
  }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Nginx:
    url: str
    tls_url: str


@contextmanager
def nginx(folder: Path, behind: str, certificate: Path) -> Iterator[Nginx]:
    """Skips the test where there is none."""
    if not Path(PROGRAM).exists():
        pytest.skip("nginx is not here: `apt-get install nginx-light`, or name its program in PRXY_TEST_NGINX.")
    port, tls_port = _free_port(), _free_port()
    (folder / "file").write_bytes(b"f" * 1_000_000)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=port, tls_port=tls_port, certificate=certificate, behind=behind)
    )
    command = [PROGRAM, "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield Nginx(url=f"http://127.0.0.1:{port}", tls_url=f"https://127.0.0.1:{tls_port}")
        finally:
            process.terminate()
            process.wait(10)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "nginx ended at once"
        time.sleep(0.01)
    raise RuntimeError("nginx does not listen.")
