"""POST /v1beta/models/{model}:generateContent, :streamGenerateContent, streamed, and :countTokens."""

from mangum import Mangum

from prxy.wiring import data_plane

handler = Mangum(data_plane("count_tokens", "generate_content"), lifespan="off")
