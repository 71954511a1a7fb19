"""What runs by the clock: dead holds of idle keys and tenants are forfeited."""

from prxy.wiring import keep_house


def handler(event: object, context: object) -> dict[str, int]:
    return keep_house()
