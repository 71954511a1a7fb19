"""Secrets sealed by AWS KMS under a context that is authenticated with them: no row opens in another's place.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html and
https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html (as of 2026-11)
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from prxy.canonical.errors import ProviderError, ProviderKeyUnavailable
from prxy.providers.aws.signing import RequestSigner
from prxy.providers.transport import Deadlines, HttpRequest, Transport

_DEADLINES = Deadlines(connect_s=1.0, first_byte_s=3.0, idle_s=3.0, total_s=5.0)


class _Answer(Struct):
    CiphertextBlob: str = ""
    Plaintext: str = ""


_decoder = msgspec.json.Decoder(_Answer)


class KmsCipher(Struct, frozen=True, kw_only=True):
    """A role that seals needs kms:Encrypt, one that opens kms:Decrypt; none needs both. Raises ProviderKeyUnavailable
    for whatever goes wrong: the service is out of reach, refuses, or the text was sealed under another context.
    """

    key_id: str
    """Id, ARN or alias of a symmetric key."""
    url: str
    transport: Transport
    signer: RequestSigner

    async def seal(self, text: str, context: Mapping[str, str]) -> str:
        body = {"Plaintext": b64encode(text.encode()).decode(), "EncryptionContext": context}
        sealed = (await self._ask("Encrypt", body)).CiphertextBlob
        if not sealed:
            raise ProviderKeyUnavailable
        return sealed

    async def unseal(self, sealed: str, context: Mapping[str, str]) -> str:
        opened = (await self._ask("Decrypt", {"CiphertextBlob": sealed, "EncryptionContext": context})).Plaintext
        try:
            text = b64decode(opened, validate=True).decode()
        except ValueError as error:
            raise ProviderKeyUnavailable from error
        if not text:
            raise ProviderKeyUnavailable
        return text

    async def _ask(self, operation: str, body: Mapping[str, object]) -> _Answer:
        request = HttpRequest(
            url=self.url,
            headers={"content-type": "application/x-amz-json-1.1", "x-amz-target": f"TrentService.{operation}"},
            body=msgspec.json.encode({"KeyId": self.key_id, **body}),
            deadlines=_DEADLINES,
        )
        try:
            reply = await self.transport.send(await self.signer(request))
            try:
                if reply.status != 200:
                    raise ProviderKeyUnavailable
                return _decoder.decode(await reply.read())
            finally:
                await reply.aclose()
        except (ProviderError, msgspec.MsgspecError) as error:
            raise ProviderKeyUnavailable from error
