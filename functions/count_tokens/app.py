"""POST /v1/messages/count_tokens."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("count_tokens"), lifespan="off")
