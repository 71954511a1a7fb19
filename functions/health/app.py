"""GET /health."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("health"), lifespan="off")
