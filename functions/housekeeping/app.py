"""What nobody waits for: uses of calls are added up from the table's stream; by the clock, dead holds are forfeited."""

from prxy.wiring import keep_house


def handler(event: object, context: object) -> dict[str, object]:
    return keep_house(event)
