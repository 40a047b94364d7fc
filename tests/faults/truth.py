"""What the database holds after a load, compared with what the clients of one hotel were told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from hub.services import topics_of
from tests.realtime.screens import Document, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.db.pool import Connection
    from tests.factories import Hotel
    from tests.faults.client import Client
    from tests.faults.shown import Past

_SHOWN = 5  # seqs or documents that a sentence names


class Truth(Struct, frozen=True):
    """One hotel in the database: its position, its log, its orders and documents, its stored answers."""

    epoch: str
    head: int
    events: dict[int, tuple[str, frozenset[str], Document]]
    orders: list[dict[str, Any]]
    documents: dict[str, Document]
    answers: dict[str, tuple[str, Document]]


async def read(connection: Connection, hotel: Hotel) -> Truth:
    """All of it, of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        tenant = hotel.tenant_id
        heads = await connection.fetch("SELECT epoch, seq FROM app.tenant_heads WHERE tenant_id = $1", tenant)
        events = await connection.fetch(
            "SELECT seq, kind, topics, payload::text FROM app.events WHERE tenant_id = $1", tenant
        )
        orders = await connection.fetch(
            "SELECT id::text, op_id::text, recall_count FROM app.orders WHERE tenant_id = $1", tenant
        )
        documents = await connection.fetch(
            "SELECT document::text FROM app.order_documents WHERE tenant_id = $1", tenant
        )
        answers = await connection.fetch(
            "SELECT op_id::text, operation, answer FROM app.idempotency WHERE tenant_id = $1", tenant
        )
    read_documents = [json.loads(row["document"]) for row in documents]
    return Truth(
        epoch=str(heads[0]["epoch"]),
        head=heads[0]["seq"],
        events={
            row["seq"]: (row["kind"], frozenset(row["topics"]), json.loads(row["payload"])) for row in events
        },
        orders=[dict(row) for row in orders],
        documents={document["id"]: document for document in read_documents},
        answers={row["op_id"]: (row["operation"], json.loads(row["answer"] or "null")) for row in answers},
    )


def operations(truth: Truth, clients: Iterable[Client]) -> Iterator[str]:
    """Nothing that was acknowledged is missing or different, nothing was done twice, nothing by nobody."""
    began = {}
    versions = {
        (data["id"], data["version"]): data for kind, _, data in truth.events.values() if kind == "order"
    }
    placed = {order["op_id"]: order["id"] for order in truth.orders}
    for client in clients:
        for operation in client.operations:
            if operation.op_id is None:
                continue
            began[operation.op_id] = operation
            what = f"{client.name}: {operation.name} {operation.op_id}"
            results = [reply["result"] for _, reply in operation.replies if reply["ok"]]
            stored = truth.answers.get(operation.op_id)
            if not results:
                if operation.refused and stored is not None:
                    yield f"{what} was refused, and was done"
                continue
            if any(result != results[0] for result in results):
                yield f"{what} was answered in different ways"
            if stored is None:
                yield f"{what} was acknowledged, and is lost"
                continue
            if stored[1] != results[0]:
                yield f"{what} was acknowledged, and another answer is stored"
            order = results[0].get("order") or {}
            if operation.name == "order.place" and placed.get(operation.op_id) != order.get("id"):
                yield f"{what} was acknowledged as order {order.get('id')}, which the operation has not made"
            if order and versions.get((order["id"], order["version"])) != order:
                yield f"{what} made version {order['version']} of {order['id']}, which no event tells"
    for op_id, number in Counter(order["op_id"] for order in truth.orders).items():
        if number > 1:
            yield f"operation {op_id} made {number} orders"
        if op_id not in began:
            yield f"order {placed[op_id]} is of an operation that nobody began"
    recalls = Counter(
        answer["order"]["id"] for name, answer in truth.answers.values() if name == "order.recall"
    )
    for order in truth.orders:
        if order["recall_count"] != recalls[order["id"]]:
            yield f"order {order['id']} counts {order['recall_count']} recalls of {recalls[order['id']]}"


def told(truth: Truth, client: Client) -> Iterator[str]:
    """Each event of the client's topics came to it, once, as it stands in the log."""
    topics = topics_of(client.principal)
    for past in client.shown.pasts:
        if past.epoch == truth.epoch:
            yield from (f"{client.name}: {problem}" for problem in _compare(truth, past, topics))


def _compare(truth: Truth, past: Past, topics: frozenset[str]) -> Iterator[str]:
    wanted = {
        seq
        for seq, (_, seen_by, _) in truth.events.items()
        if past.start < seq <= past.end and not topics.isdisjoint(seen_by)
    }
    if missing := sorted(wanted - past.events.keys()):
        yield f"events {_some(missing)} never came, though it was told of everything up to {past.end}"
    if strange := sorted(past.events.keys() - wanted):
        yield f"events {_some(strange)} came, and are not in the log for its topics"
    changed = [
        seq
        for seq in sorted(wanted & past.events.keys())
        if past.events[seq] != (truth.events[seq][0], truth.events[seq][2])
    ]
    if changed:
        yield f"events {_some(changed)} say something else than the log"


def shows(truth: Truth, client: Client, now: datetime) -> Iterator[str]:
    """The client's orders are those of the database."""
    principal = client.principal
    mine = {
        key: order
        for key, order in truth.documents.items()
        if principal.kind != "tablet" or order["stay_id"] == str(principal.stay_id)
    }
    yield from differences(f"{client.name}, compared with the database", _orders(mine), client, now)


def _orders(documents: dict[str, Document]) -> dict[tuple[str, str], Document]:
    return {("order", key): document for key, document in documents.items()}


def differences(
    what: str,
    wanted: dict[tuple[str, str], Document],
    client: Client,
    now: datetime,
    kinds: frozenset[str] = frozenset({"order"}),
) -> Iterator[str]:
    """What the client shows at `now` against what it should show."""

    def state(documents: dict[tuple[str, str], Document]) -> dict[tuple[str, str], Document]:
        return {
            key: data
            for key, data in documents.items()
            if key[0] in kinds and visible(client.principal, key[0], data, now)
        }

    shown, right = state(client.shown.documents), state(wanted)
    if absent := sorted(right.keys() - shown.keys()):
        yield f"{what}, does not show {_some(absent)}"
    if extra := sorted(shown.keys() - right.keys()):
        yield f"{what}, still shows {_some(extra)}"
    old = sorted(key for key in shown.keys() & right.keys() if shown[key] != right[key])
    if old:
        yield f"{what}, shows an old {_some(old)}"


def turns(client: Client) -> Iterator[str]:
    """On each connection replies come in the order of their commands, and one for each sending at most."""
    sent: dict[int, list[int]] = defaultdict(list)
    at: dict[int, int] = defaultdict(int)
    for entry in client.journal:
        number = entry.body.get("id")
        if entry.kind == "sent" and number is not None:
            sent[entry.connection].append(number)
        elif entry.kind == "frame" and entry.body["type"] == "reply" and number is not None:
            try:
                at[entry.connection] = sent[entry.connection].index(number, at[entry.connection]) + 1
            except ValueError:
                yield f"{client.name}: the reply to command {number} came out of its turn, or twice"
            error = entry.body.get("error")
            if error and error["code"] == "internal":
                yield f"{client.name}: command {number} met an internal error, {error['details']}"


def _some(items: list[Any]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    names = (" ".join(item) if isinstance(item, tuple) else str(item) for item in items[:_SHOWN])
    return ", ".join(names) + more
