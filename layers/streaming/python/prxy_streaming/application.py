"""Finding the function's handler, as `_HANDLER` names it."""

from __future__ import annotations

import gc
import importlib
from types import ModuleType
from typing import Any

from prxy_streaming.invocation import Application


class HandlerNotFound(Exception):
    """`_HANDLER` names nothing, or something that is not a `Mangum(app)` object."""


def load_application(handler: str) -> Application:
    """Import the module, take the object. Raises HandlerNotFound, and whatever the module raises at import."""
    module_name, _, attribute = handler.rpartition(".")
    if not module_name:
        raise HandlerNotFound(f"the handler {handler!r} must be written as module.attribute")
    module = _imported(module_name.replace("/", "."))
    application: Any = getattr(module, attribute, None)
    if not (hasattr(application, "app") and hasattr(application, "infer")):
        raise HandlerNotFound(
            f"{handler} must be a Mangum(app) object: the streaming runtime takes its `app` and `infer`"
        )
    found: Application = application
    return found


def _imported(name: str) -> ModuleType:
    """Looking for garbage among what an import makes, which stays, takes a fifth of a cold start."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def error_type(error: BaseException) -> str:
    """The word under which Lambda files a failed start."""
    match error:
        case HandlerNotFound():
            return "Runtime.HandlerNotFound"
        case ImportError():
            return "Runtime.ImportModuleError"
        case SyntaxError():
            return "Runtime.UserCodeSyntaxError"
        case _:
            return f"Runtime.{type(error).__name__}"
