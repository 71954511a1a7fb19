"""The embedded store as a process of its own: says where it listens, and ends with its standard input."""

from __future__ import annotations

import sys

from prxy.local import dynamodb

if __name__ == "__main__":
    with dynamodb.running() as url:
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        sys.stdin.read()
