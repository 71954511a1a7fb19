"""Who is measured, in the order of the tables."""

from bench.gateways.bare_asgi import BARE_ASGI
from bench.gateways.bare_fastapi import BARE_FASTAPI
from bench.gateways.direct import DIRECT
from bench.gateways.litellm import LITELLM
from bench.gateways.portkey import PORTKEY
from bench.gateways.prxy import PRXY

GATEWAYS = (DIRECT, BARE_ASGI, BARE_FASTAPI, PRXY, PORTKEY, LITELLM)
