"""Everything that can go wrong with a call, as the client may see it.

    GatewayError                      500 internal_error
    ├── InvalidRequest                400 invalid_request
    │   ├── UnsupportedFeature        400 the target cannot express this content or output
    │   ├── MethodNotAllowed          405
    │   ├── RequestTooLarge           413
    │   └── UnsupportedMediaType      415
    ├── NotAuthenticated              401 authentication_error
    ├── NotPermitted                  403 permission_error
    ├── NotFound                      404 not_found
    ├── IdempotencyConflict           409 idempotency_error
    │   └── NotReplayable             409 finished, but its answer was not kept
    ├── IdempotencyKeyReused          422 idempotency_error
    ├── RateLimited                   429 rate_limit
    ├── CostLimitExceeded             429 cost_limit_per_…
    ├── GuardrailBlocked              400 guardrail_…_block
    ├── StoreUnavailable              503 overloaded
    ├── KeyChanged                    503 overloaded
    ├── ProviderKeyUnavailable        503 overloaded
    └── ProviderError                 what a provider did
        ├── ProviderRejected          400 its own message, redacted
        ├── ProviderAuthentication    401
        ├── ProviderPermission        403
        ├── ProviderModelNotFound     404
        ├── ProviderTooLarge          413
        ├── ProviderRateLimited       429
        ├── ProviderUnavailable       502
        ├── ProviderConnectionFailed  502 nothing reached the provider
        ├── ProviderBadResponse       502 the answer is not what its wire promises
        ├── ProviderStreamInterrupted 502 the answer stopped before its end
        ├── ProviderOverloaded        503
        └── ProviderTimeout           504

Messages name the field, the problem and the fix; they never hold a key, a host or a stack.
"""

from __future__ import annotations

from collections.abc import Mapping


class GatewayError(Exception):
    """Root of all of them. Raised bare, it is a defect of ours."""

    status: int = 500
    type: str = "internal_error"
    default_code: str = "internal_error"
    should_retry: bool | None = None
    """What `x-should-retry` says; None leaves it to the status."""

    def __init__(
        self,
        message: str = "The gateway failed to answer. The request id names this call in the logs.",
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param
        self.retry_after = retry_after
        """Value of the `retry-after` header: seconds or an HTTP date, as the provider sent it."""

    @property
    def details(self) -> Mapping[str, str]:
        """More members of the error object on the wire."""
        return {}


class InvalidRequest(GatewayError):
    status = 400
    type = "invalid_request"
    default_code = "invalid_value"


class UnsupportedFeature(InvalidRequest):
    default_code = "unsupported_content"


class MethodNotAllowed(InvalidRequest):
    status = 405
    default_code = "method_not_allowed"


class RequestTooLarge(InvalidRequest):
    status = 413
    default_code = "request_too_large"


class UnsupportedMediaType(InvalidRequest):
    status = 415
    default_code = "unsupported_media_type"


class NotAuthenticated(GatewayError):
    status = 401
    type = "authentication_error"
    default_code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "No usable API key. Send one in 'Authorization: Bearer', 'x-api-key' or 'x-goog-api-key'; "
            "it may be missing, mistyped, revoked or expired."
        )


class NotPermitted(GatewayError):
    status = 403
    type = "permission_error"
    default_code = "model_not_allowed"


class NotFound(GatewayError):
    status = 404
    type = "not_found"
    default_code = "unknown_route"


class IdempotencyConflict(GatewayError):
    """The same call is running already."""

    status = 409
    type = "idempotency_error"
    default_code = "idempotency_in_progress"


class NotReplayable(IdempotencyConflict):
    """The call has finished under this Idempotency-Key, and its answer cannot be given again."""

    default_code = "idempotency_result_too_large"
    should_retry = False


class IdempotencyKeyReused(GatewayError):
    """The Idempotency-Key came with another request before."""

    status = 422
    type = "idempotency_error"
    default_code = "idempotency_key_reused"


class RateLimited(GatewayError):
    status = 429
    type = "rate_limit"
    default_code = "requests_per_minute"
    should_retry = True


class CostLimitExceeded(GatewayError):
    """Refused before any provider was called. `window` is request, day or month; money is a decimal string in USD."""

    status = 429
    should_retry = False

    def __init__(  # noqa: PLR0913  # each is one field of the error, by keyword
        self, window: str, *, limit: str, spent: str, estimated: str, resets_at: str | None = None, whose: str = "key"
    ) -> None:
        super().__init__(
            f"This call may cost up to ${estimated}; ${spent} of the {whose}'s ${limit} per {window} are spent or "
            f"reserved. "
            f"Lower max_tokens, shorten the input, or raise the limit."
            + (f" The limit resets at {resets_at}." if resets_at else ""),
            code=f"cost_limit_per_{window}",
        )
        self.type = self.code
        self._details = {"limit": limit, "spent": spent, "estimated": estimated}
        if resets_at:
            self._details["resets_at"] = resets_at

    @property
    def details(self) -> Mapping[str, str]:
        return self._details


class GuardrailBlocked(GatewayError):
    """A text of the client or of the model holds what the pipeline does not let through. Type and code are one word."""

    status = 400
    default_code = "guardrail_custom_block"
    should_retry = False

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message, code=code, param=param)
        self.type = self.code


class StoreUnavailable(GatewayError):
    status = 503
    type = "overloaded"
    default_code = "budget_store_unavailable"

    def __init__(self) -> None:
        super().__init__("The budget store did not answer, so no provider was called. Try again.", retry_after="1")


class KeyChanged(GatewayError):
    """Since the key was read it was given to another project, or a USD limit to a call whose cost nobody had bounded.

    The call is begun anew from the key as it stands; clients see this only where it happens twice.
    """

    status = 503
    type = "overloaded"
    default_code = "key_changed"

    def __init__(self) -> None:
        super().__init__("The key or a budget of it was changed just now. Try again.", retry_after="1")


class ProviderKeyUnavailable(GatewayError):
    status = 503
    type = "overloaded"
    default_code = "provider_key_unavailable"

    def __init__(self) -> None:
        super().__init__("The provider's key could not be fetched, so it was not called. Try again.", retry_after="1")


class ProviderError(GatewayError):
    """What a provider did. `from_status` picks the class."""

    status = 502
    type = "provider_error"
    default_code = "provider_unavailable"

    @staticmethod
    def from_status(status: int, message: str) -> ProviderError:
        """The error for a provider's HTTP status. Formats refine it where the body tells more."""
        return PROVIDER_ERRORS.get(status, ProviderRejected if 400 <= status < 500 else ProviderUnavailable)(message)


class ProviderRejected(ProviderError):
    """The provider found fault with the request. Code `context_length_exceeded` where it was too long."""

    status = 400
    type = "invalid_request"
    default_code = "provider_rejected"


class ProviderAuthentication(ProviderError):
    status = 401
    type = "authentication_error"
    default_code = "provider_authentication"


class ProviderPermission(ProviderError):
    status = 403
    type = "permission_error"
    default_code = "provider_permission"


class ProviderModelNotFound(ProviderError):
    status = 404
    type = "not_found"
    default_code = "model_not_found"


class ProviderTooLarge(ProviderError):
    status = 413
    type = "invalid_request"
    default_code = "request_too_large"


class ProviderRateLimited(ProviderError):
    status = 429
    type = "rate_limit"
    default_code = "provider_rate_limit"


class ProviderUnavailable(ProviderError):
    pass


class ProviderConnectionFailed(ProviderError):
    default_code = "provider_connection_failed"


class ProviderBadResponse(ProviderError):
    default_code = "provider_bad_response"


class ProviderStreamInterrupted(ProviderError):
    default_code = "provider_stream_interrupted"


class ProviderOverloaded(ProviderError):
    status = 503
    type = "overloaded"
    default_code = "provider_overloaded"


class ProviderTimeout(ProviderError):
    status = 504
    type = "timeout"
    default_code = "provider_timeout"


PROVIDER_ERRORS: Mapping[int, type[ProviderError]] = {
    400: ProviderRejected,
    401: ProviderAuthentication,
    402: ProviderPermission,
    403: ProviderPermission,
    404: ProviderModelNotFound,
    408: ProviderTimeout,
    413: ProviderTooLarge,
    422: ProviderRejected,
    429: ProviderRateLimited,
    500: ProviderUnavailable,
    502: ProviderUnavailable,
    503: ProviderOverloaded,
    504: ProviderTimeout,
    529: ProviderOverloaded,
}
"""HTTP status of a provider's answer -> error, by the table of the contract."""
