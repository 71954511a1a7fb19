"""POST /v1/messages, streamed."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("messages"), lifespan="off")
