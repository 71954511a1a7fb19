"""POST /v1beta/models/{model}:generateContent and :streamGenerateContent, streamed, and :countTokens; at /v1 too."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("count_tokens", "generate_content"), lifespan="off")
