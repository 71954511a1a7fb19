"""POST /v1/responses, streamed."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("responses"), lifespan="off")
