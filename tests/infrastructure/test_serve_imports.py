"""What `prxy serve` loads before it is asked for it: the start and the memory of a local gateway."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.exchanges import ROOT

IMPORT = "import json, sys, prxy.cli, prxy.local.server; print(json.dumps(sorted(sys.modules)))"
LATER = {"fastapi", "pydantic", "starlette", "moto", "boto3", "botocore", "werkzeug", "cryptography", "httpx", "numpy"}


def test_a_local_gateway_starts_without_the_admin_api_and_the_embedded_store() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert not {name.partition(".")[0] for name in json.loads(done.stdout)} & LATER
