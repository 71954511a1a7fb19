"""What Lambda tells a runtime through its environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Environment(NamedTuple):
    runtime_api: str
    """`host:port` of the Runtime API."""
    handler: str
    """`module.attribute`, the module relative to the task root."""
    concurrency: int
    """Invocations at once in this process: 1 but on Managed Instances."""
    concurrent: bool
    """Whether Lambda asked for more than one at once; the trace id then has no place in the environment."""
    snapshot: bool
    """Whether a SnapStart snapshot is taken between start and first invocation."""
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Raises KeyError where the Runtime API or the handler is not named: then this is not Lambda."""
        return cls(
            runtime_api=variables["AWS_LAMBDA_RUNTIME_API"],
            handler=variables["_HANDLER"],
            concurrency=int(variables.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")),
            concurrent="AWS_LAMBDA_MAX_CONCURRENCY" in variables,
            snapshot=variables.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
            function_name=variables.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            function_version=variables.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
            memory_limit_in_mb=variables.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
            log_group_name=variables.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            log_stream_name=variables.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
        )
