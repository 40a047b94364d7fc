"""What comes in with a request: who asks, the body, the operation id. Each refusal names its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect

from hub.errors import InvalidInput, TooLarge, Unauthorized, UnsupportedMediaType
from hub.operations import decode

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.security.principal import Principal
    from hub.security.tokens import Tokens

T = TypeVar("T", bound=Struct)
IDEMPOTENCY_KEY: Final = "Idempotency-Key"


class Gate:
    """Reads requests. `body_bytes` is the longest body that it accepts."""

    def __init__(self, tokens: Tokens, body_bytes: int) -> None:
        self._tokens = tokens
        self._body_bytes = body_bytes

    def principal(self, request: Request) -> Principal:
        """Who asks, by the Bearer token. Raises Unauthorized or TokenExpired."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("This address needs a device token: Authorization: Bearer <token>.")
        return self._tokens.verify(token.strip())

    async def body(self, request: Request) -> bytes:
        """The JSON text of the body. Raises UnsupportedMediaType, or TooLarge before it holds more."""
        media_type, _, parameters = request.headers.get("content-type", "").partition(";")
        charset = parameters.strip().lower().removeprefix("charset=").strip('"')
        if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
            raise UnsupportedMediaType("The body must be application/json in UTF-8.", field="Content-Type")
        declared = request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > self._body_bytes:
            raise self._too_large()
        body = bytearray()
        try:
            async for chunk in request.stream():
                if len(body) + len(chunk) > self._body_bytes:
                    raise self._too_large()
                body += chunk
        except ClientDisconnect:
            raise InvalidInput("The body ended early.") from None
        return bytes(body)

    async def read(self, request: Request, wanted: type[T]) -> T:
        """The body as `wanted`. Raises InvalidInput with the field at fault."""
        return decode(await self.body(request), wanted)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is over {self._body_bytes} bytes.", limit_bytes=self._body_bytes)


def operation_id(request: Request) -> UUID:
    """The client's id of this operation, kept by it until it is answered."""
    return _uuid(request.headers.get(IDEMPOTENCY_KEY, ""), IDEMPOTENCY_KEY)


def path_id(request: Request, name: str) -> UUID:
    """The id in the address."""
    return _uuid(request.path_params[name], name)


def query(request: Request, wanted: type[T]) -> T:
    """The parameters of the address as `wanted`. Raises InvalidInput with the parameter at fault."""
    parameters = dict(request.query_params)
    if nul := next((name for name, value in parameters.items() if "\0" in value), None):
        raise InvalidInput("The text has a NUL character.", field=nul)
    try:
        return msgspec.convert(parameters, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput.from_validation(str(error)) from None


def _uuid(text: str, field: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        raise InvalidInput(f"{field} must be a UUID.", field=field) from None
