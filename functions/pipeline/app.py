"""GET /v1/pipeline."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("pipeline"), lifespan="off")
