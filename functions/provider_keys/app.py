"""The admin API for stored provider keys, on the stock runtime."""

from mangum import Mangum

from prxy.wiring import control_plane

handler = Mangum(control_plane(), lifespan="off")
