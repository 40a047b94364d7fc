"""Operations: what a client may ask for, the same over a WebSocket and over HTTP.

One call decodes the arguments, checks who asks, and runs in one transaction of the tenant. An operation
with an id is done once: its record commits together with the change, so that the same id again - after a
lost reply, a lost connection, a restart - gets the stored answer and changes nothing. A refusal is not
stored; it is judged afresh. The record knows the request by a hash; where a request tells of people, by one
with a key of the hotel, because there are few phone numbers and each could be tried.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Raw, Struct, structs

from hub.db.queries import load
from hub.db.scope import Claim, Scope
from hub.errors import (
    HubError,
    Internal,
    InvalidInput,
    OperationMismatch,
    UnknownCommand,
)
from hub.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.security.permissions import Permission
    from hub.security.principal import Principal
    from hub.security.vault import Vault

_queries = load("operations")
STORED: Final = _queries["stored"]

T = TypeVar("T", bound=Struct)

# Handlers take their own type of arguments; `Operation.args` is what makes the call type-safe at run time.
Handler = Callable[[Scope, "Principal", Any], Awaitable[Struct]]


class Refused(Struct, frozen=True):
    """What an operation returns when it refuses and has yet written something that must stay, such as a
    counted failure: the transaction commits, and the caller gets `error`. Not for one with `once`."""

    error: HubError


class Operation(Struct, frozen=True, kw_only=True):
    """One entry of the table. `permission` is what a caller needs for it.

    `writes=False` runs in a read-only transaction; `once=True` needs an operation id and stores the answer.
    `personal=True` says that the arguments tell of people; the answer never may.
    """

    name: str
    args: type[Struct]
    run: Handler
    permission: Permission
    writes: bool = True
    once: bool = True
    personal: bool = False


class Operations:
    """The table of all operations, and the one way to call them. `vault` has the hotels' keys.

    `seconds` are by name and outcome: `ok`, the code of an error, or `cancelled`; what is not in the table
    counts as `unknown`.
    """

    def __init__(self, database: Database, vault: Vault, table: Iterable[Operation]) -> None:
        self._database = database
        self._vault = vault
        self._table = {operation.name: operation for operation in table}
        self.seconds: dict[tuple[str, str], Histogram] = {}

    async def call(self, name: str, principal: Principal, op_id: UUID | None, raw: bytes | Raw) -> Raw:
        """Run operation `name` with JSON arguments `raw`; the encoded result.

        Raises UnknownCommand, Forbidden, InvalidInput (naming the field), OperationMismatch when `op_id` was
        used for something else, OperationInProgress while the same id is still being worked on, Unavailable,
        and what the operation itself refuses.
        """
        started, outcome = time.perf_counter(), "cancelled"
        try:
            answer = await self._call(name, principal, op_id, raw)
            outcome = "ok"
            return answer
        except Exception as error:
            outcome = error.code if isinstance(error, HubError) else Internal.code
            raise
        finally:
            known = name if name in self._table else "unknown"
            times = self.seconds.setdefault((known, outcome), Histogram())
            times.add(time.perf_counter() - started)

    async def _call(self, name: str, principal: Principal, op_id: UUID | None, raw: bytes | Raw) -> Raw:
        operation = self._table.get(name)
        if operation is None:
            raise UnknownCommand(f"there is no command {name[:64]!r}", field="name")
        principal.need(operation.permission)
        if operation.once and op_id is None:
            raise InvalidInput(
                "this command needs an operation id, a UUID kept until it is answered", field="op_id"
            )
        args = decode(raw, operation.args)
        actor = principal.actor()
        if not operation.writes:
            async with self._database.read(principal.tenant_id, actor) as scope:
                return Raw(msgspec.json.encode(await operation.run(scope, principal, args)))

        # Where the hash needs the hotel's key, the claim waits for the transaction.
        claim = None
        if operation.once and op_id is not None and not operation.personal:
            claim = Claim(
                principal.id, op_id, operation.name, sha256(_asked(operation, principal, args)).digest()
            )

        async def work(scope: Scope) -> Raw | Refused:
            mine = claim
            if mine is None and operation.once and op_id is not None:
                said = _asked(operation, principal, args).decode()
                digest = await self._vault.digest(scope, "operation", said)
                mine = Claim(principal.id, op_id, operation.name, digest)
                await scope.claim(mine)
            if mine is not None:
                return await _once(scope, principal, operation, args, mine)
            result = await operation.run(scope, principal, args)
            return result if isinstance(result, Refused) else Raw(msgspec.json.encode(result))

        # Without an id only what may be repeated by its nature is in the table (first writer wins).
        result = await self._database.transaction(
            principal.tenant_id, actor, work, idempotent=True, claim=claim
        )
        if isinstance(result, Refused):
            raise result.error
        return result


async def _once(scope: Scope, principal: Principal, operation: Operation, args: Struct, claim: Claim) -> Raw:
    if not scope.claimed:
        # The first commit may still wait for its synchronous standby: this one waits behind it.
        stored = await scope.fetchrow(STORED, scope.tenant_id, claim.principal_id, claim.op_id)
        if stored is None or stored["request_hash"] != claim.request_hash:
            raise OperationMismatch("this operation id was already used for another request", field="op_id")
        return Raw(stored["answer"].encode())
    scope.op_id = claim.op_id
    answer = msgspec.json.encode(await operation.run(scope, principal, args))
    scope.answer(claim, answer)
    return Raw(answer)


def _asked(operation: Operation, principal: Principal, args: Struct) -> bytes:
    # The stay belongs to the request: the next guest of a room must not get the last one's answers.
    return msgspec.json.encode([operation.name, principal.stay_id, _said(args)], order="deterministic")


def _said(value: object) -> object:
    """What a request says, without what it leaves as usual: the next version of the hub, which may know one
    field more, finds the same in it."""
    match value:
        case Struct():
            usual = _usual(type(value))
            said = {name: getattr(value, name) for name in value.__struct_fields__}
            return {name: _said(one) for name, one in said.items() if name not in usual or one != usual[name]}
        case list() | tuple():
            return [_said(one) for one in value]
        case _:
            return value


@functools.cache
def _usual(kind: type[Struct]) -> dict[str, object]:
    """The defaults of its fields."""
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in structs.fields(kind)
        if not field.required
    }


def decode(raw: bytes | Raw, wanted: type[T]) -> T:
    """JSON text as `wanted`. Raises InvalidInput with the field at fault, as in `lines[2].quantity`."""
    try:
        value = msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        raise InvalidInput.from_validation(str(error)) from error
    except msgspec.DecodeError as error:
        # names the byte, and nothing of the content
        raise InvalidInput(f"not valid JSON text: {error}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("not valid JSON text in UTF-8, or nested too deeply") from error
    # PostgreSQL cannot store NUL in text. The look at the raw bytes keeps this off the common path.
    if b"\\u0000" in bytes(raw) and (where := _find_nul(msgspec.to_builtins(value), "")) is not None:
        raise InvalidInput("the text has a NUL character", field=where)
    return value


def _find_nul(value: object, path: str) -> str | None:
    match value:
        case str():
            return path if "\0" in value else None
        case dict():
            parts: Iterable[tuple[str, object]] = ((f"{path}.{key}".lstrip("."), value[key]) for key in value)
        case list() | tuple():
            parts = ((f"{path}[{index}]", element) for index, element in enumerate(value))
        case _:
            return None
    return next((found for where, part in parts if (found := _find_nul(part, where)) is not None), None)
