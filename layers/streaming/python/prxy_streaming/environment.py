"""What Lambda tells a runtime through its environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class Environment:
    def __init__(self, variables: Mapping[str, str]) -> None:
        """Raises KeyError where the Runtime API or the handler is not named: then this is not Lambda."""
        self.runtime_api: Final = variables["AWS_LAMBDA_RUNTIME_API"]
        """`host:port` of the Runtime API."""
        self.handler: Final = variables["_HANDLER"]
        """`module.attribute`, the module relative to the task root."""
        self.concurrency: Final = int(variables.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
        """Invocations at once in this process: 1 but on Managed Instances."""
        self.concurrent: Final = "AWS_LAMBDA_MAX_CONCURRENCY" in variables
        """Whether Lambda asked for more than one at once; the trace id then has no place in the environment."""
        self.snapshot: Final = variables.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
        """Whether a SnapStart snapshot is taken between start and first invocation."""
        self.function_name: Final = variables.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version: Final = variables.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.memory_limit_in_mb: Final = variables.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name: Final = variables.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name: Final = variables.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
