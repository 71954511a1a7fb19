"""What every script shares: the gateway, the doors to enter it by, and how a step is told to the test."""

import json
import os
import sys
from typing import Any

URL = os.environ["PRXY_URL"]
API_KEY = os.environ["PRXY_API_KEY"]
DOORS: dict[str, Any] = json.loads(os.environ["DOORS"])
"""Door -> the model to ask for there, and the key of its provider."""

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def say(door: str, step: str, **what: object) -> None:
    sys.stdout.write(json.dumps({"step": f"{door} {step}", **what}) + "\n")
