"""What comes in with a request: who asks, the body, the operation id. Each refusal names its field."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect

from hub.errors import Forbidden, InvalidInput, TooLarge, Unauthorized, UnsupportedMediaType
from hub.operations import decode
from hub.security.limits import Rule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from hub.security.limits import Limiter
    from hub.security.permissions import Permission
    from hub.security.principal import Principal
    from hub.security.tokens import Tokens

T = TypeVar("T", bound=Struct)
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
# HttpOnly: no script reads it.
ACCESS_COOKIE: Final = "hub_access"
CSRF_HEADER: Final = "X-CSRF-Token"


class Gate:
    """Reads requests. `body_bytes` is the longest body that it accepts, `origins` are those of other pages
    that may use staff cookies. `at_home` gets the Host header, and raises Unauthorized when it names another
    hotel than the caller's."""

    def __init__(
        self,
        tokens: Tokens,
        body_bytes: int,
        *,
        limiter: Limiter,
        at_home: Callable[[str | None, Principal], Awaitable[None]],
        origins: frozenset[str] = frozenset(),
    ) -> None:
        self._tokens = tokens
        self._body_bytes = body_bytes
        self._limiter = limiter
        self._at_home = at_home
        self._origins = origins

    async def admit(self, request: Request, permission: Permission) -> Principal:
        """Who asks, when allowed to: by the Bearer token, or in a browser by the staff cookie.

        Raises Unauthorized, TokenExpired, Forbidden, RateLimited.
        """
        principal = self._bearer(request) or self._cookie(request)
        await self._limiter.hit(Rule.DEVICE, principal.tenant_id, principal.id)
        await self._limiter.hit(Rule.TENANT, principal.tenant_id)
        await self._at_home(request.headers.get("host"), principal)
        principal.need(permission)
        return principal

    def _bearer(self, request: Request) -> Principal | None:
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("This address needs a token: Authorization: Bearer <token>.")
        return self._tokens.verify(token.strip())

    def _cookie(self, request: Request) -> Principal:
        token = request.cookies.get(ACCESS_COOKIE)
        if token is None:
            raise Unauthorized("This address needs a token: Authorization: Bearer <token>.")
        principal = self._tokens.verify(token)
        if principal.kind != "staff":
            raise Unauthorized("This token is not valid.")
        self.check_forgery(request, token)
        return principal

    def check_forgery(self, request: Request, token: str) -> None:
        """A browser sends cookies by itself, also for a page that the user did not mean to act: what changes
        something must come from an own page, and repeat what only an own page can have read.

        Raises Forbidden.
        """
        if request.method in ("GET", "HEAD"):
            return
        self.check_origin(request)
        if not compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode()):
            raise Forbidden(f"The header {CSRF_HEADER} is missing or old.", field=CSRF_HEADER)

    def check_origin(self, request: Request) -> None:
        """Raises Forbidden when a browser says that the page of another origin sends this."""
        origin = request.headers.get("origin")
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if origin is not None and origin not in (own, *self._origins):
            raise Forbidden("This request comes from another page.", field="Origin")

    async def body(self, request: Request) -> bytes:
        """The JSON text of the body. Raises UnsupportedMediaType, or TooLarge before it holds more."""
        media_type, _, parameters = request.headers.get("content-type", "").partition(";")
        charset = parameters.strip().lower().removeprefix("charset=").strip('"')
        if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
            raise UnsupportedMediaType("The body must be application/json in UTF-8.", field="Content-Type")
        return await octets(request, self._body_bytes)

    async def read(self, request: Request, wanted: type[T]) -> T:
        """The body as `wanted`. Raises InvalidInput with the field at fault."""
        return decode(await self.body(request), wanted)


async def octets(request: Request, most: int) -> bytes:
    """The body, whatever it is. Raises TooLarge before it holds more than `most` bytes, InvalidInput."""
    too_large = TooLarge(f"The body is over {most} bytes.", limit_bytes=most)
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:18]) > most:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            if len(body) + len(chunk) > most:
                raise too_large
            body += chunk
    except ClientDisconnect:
        raise InvalidInput("The body ended early.") from None
    return bytes(body)


def csrf_token(access_token: str) -> str:
    """What an own page sends along: it comes from the cookie's token, which no script can read, and is
    told in the answers that set the cookie."""
    return sha256(b"csrf " + access_token.encode()).hexdigest()[:32]


def operation_id(request: Request) -> UUID:
    """The client's id of this operation, kept by it until it is answered."""
    return _uuid(request.headers.get(IDEMPOTENCY_KEY, ""), IDEMPOTENCY_KEY)


def path_id(request: Request, name: str) -> UUID:
    """The id in the address."""
    return _uuid(request.path_params[name], name)


def in_path(request: Request, wanted: type[T]) -> T:
    """The named parts of the address as `wanted`. Raises InvalidInput with the part at fault."""
    return _converted(request.path_params, wanted)


def query(request: Request, wanted: type[T]) -> T:
    """The parameters of the address as `wanted`. Raises InvalidInput with the parameter at fault."""
    parameters = dict(request.query_params)
    if nul := next((name for name, value in parameters.items() if "\0" in value), None):
        raise InvalidInput("The text has a NUL character.", field=nul)
    return _converted(parameters, wanted)


def _converted(parameters: dict[str, str], wanted: type[T]) -> T:
    try:
        return msgspec.convert(parameters, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput.from_validation(str(error)) from None


def _uuid(text: str, field: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)
    except msgspec.ValidationError:
        raise InvalidInput(f"{field} must be a UUID.", field=field) from None
