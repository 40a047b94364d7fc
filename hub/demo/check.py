"""`hub demo --check`: one order from a guest's tablet through the kitchen to the door, over real sockets."""

from __future__ import annotations

import asyncio
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import uvloop
from websockets.exceptions import WebSocketException

from hub.demo.screen import Refused, Screen, post
from hub.errors import Unavailable
from hub.workers import spawn

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from rich.console import Console

    from hub.settings import Settings

_START_SECONDS: Final = 30.0


def check(
    settings: Settings,
    environ: Mapping[str, str],
    listener: socket.socket,
    tablet_code: str,
    kitchen_code: str,
    console: Console,
) -> int:
    """Serve in a process of its own, play both screens, stop; 0 when the order arrived, 1 with the reason."""
    host, port = listener.getsockname()[:2]
    server = spawn(environ, listener)
    try:
        latencies = uvloop.run(_play(host, port, server, tablet_code, kitchen_code))
    except (Refused, Unavailable, WebSocketException, TimeoutError, OSError, ValueError) as error:
        console.print(f"[red bold]check failed:[/] {str(error) or type(error).__name__}")
        return 1
    finally:
        server.terminate()
        try:
            code = server.wait(settings.drain_seconds + 10)
        except subprocess.TimeoutExpired:
            server.kill()
            code = -9
    for name, seconds in latencies.items():
        console.print(f"{name:<34}{seconds * 1000:7.1f} ms")
    if code != 0:
        console.print(f"[red bold]check failed:[/] the hub ended with code {code}")
        return 1
    console.print("[green bold]ok[/] one order, from the tablet to delivered, seen by both screens")
    return 0


async def _play(
    host: str, port: int, server: subprocess.Popen[bytes], tablet_code: str, kitchen_code: str
) -> dict[str, float]:
    tablet_token = (await _claim(host, port, server, tablet_code))["token"]
    kitchen_token = (await _claim(host, port, server, kitchen_code))["token"]
    took: dict[str, float] = {}
    async with Screen(host, port, tablet_token) as tablet, Screen(host, port, kitchen_token) as kitchen:
        item = next(item for item in tablet.documents["menu_item"].values() if _orderable(item))
        lines = [{"menu_item_id": item["id"], "quantity": 2}]
        quote = (await tablet.command("order.quote", lines=lines))["quote"]

        async def step(name: str, sender: Screen, receiver: Screen, command: str, **args: object) -> Any:
            """One command; its reply, and when the other screen showed its outcome."""
            started = time.perf_counter()
            result = await sender.command(command, **args)
            took[f"{name}: reply"] = time.perf_counter() - started
            order = result["order"]
            key = (order["id"], order["version"])
            await receiver.wait(lambda: any(k[0] == key[0] and k[1] >= key[1] for k in receiver.arrived))
            shown = min(at for k, at in receiver.arrived.items() if k[0] == key[0] and k[1] >= key[1])
            took[f"{name}: on the other screen"] = shown - started
            return order

        order = await step(
            "place", tablet, kitchen, "order.place", lines=lines, quoted_total=quote["total_amount"]
        )
        await kitchen.command("order.seen", order_ids=[order["id"]])
        line = {"order_id": order["id"], "line": 1}
        await step("start cooking", kitchen, tablet, "item.advance", **line, to="cooking")
        await step("item ready", kitchen, tablet, "item.advance", **line, to="ready")
        for to in ("delivering", "delivered"):
            await step(to, kitchen, tablet, "order.advance", order_id=order["id"], to=to)
        screens = (tablet, kitchen)
        for screen in screens:
            await screen.wait(partial(_shows, screen, order["id"], "delivered"))
        if tablet.order(order["id"]) != kitchen.order(order["id"]):
            raise Refused("the two screens do not agree on the delivered order")
    return took


def _shows(screen: Screen, order_id: str, status: str) -> bool:
    order = screen.order(order_id)
    return order is not None and order["status"] == status


def _orderable(item: dict[str, Any]) -> bool:
    """Sold at any hour, to anyone, with nothing to choose, and cooked."""
    special = item["sold_out"] or item["age_restricted"] or item["start_time"]
    asks = any(group["min"] for group in item["options"])
    return not special and not asks and item["preparation_minutes"] > 0


async def _claim(host: str, port: int, server: subprocess.Popen[bytes], code: str) -> dict[str, Any]:
    """Exchange a code, waiting for the hub to come up."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return await post(host, port, "/api/v1/devices/claim", {"code": code})
        except OSError:
            if time.monotonic() > deadline:
                raise
        if server.poll() is not None:
            raise Unavailable(f"the hub ended at its start with code {server.returncode}")
        await asyncio.sleep(0.05)
