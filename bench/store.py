"""The emulated table in a process of its own: `python -m bench.store PORT`."""

from __future__ import annotations

import sys
import threading

from prxy.local import dynamodb

if __name__ == "__main__":
    dynamodb.start(port=int(sys.argv[1]))
    threading.Event().wait()
