"""Who is measured, in the order of the tables."""

from bench.gateways.litellm import LITELLM
from bench.gateways.prxy import PRXY
from bench.gateways.relays import BARE_ASGI, BARE_STARLETTE_HTTPX, DIRECT

GATEWAYS = (DIRECT, BARE_ASGI, BARE_STARLETTE_HTTPX, PRXY, LITELLM)
