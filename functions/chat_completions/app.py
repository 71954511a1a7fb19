"""POST /v1/chat/completions, streamed."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("chat_completions"), lifespan="off")
