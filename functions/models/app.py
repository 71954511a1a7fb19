"""GET /v1/models and one model."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("models"), lifespan="off")
