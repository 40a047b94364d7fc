"""Rate limits over a real Redis, and without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import msgspec
import pytest
import redis.asyncio

from hub.errors import RateLimited
from hub.security.limits import Limiter, Rule
from hub.web.site import site
from tests.api.conftest import problem

if TYPE_CHECKING:
    from hub.embedded import Servers
    from hub.settings import Settings

MAIL = "cook@hotel.example"
# Counted locally, in whole windows: one that is over in the middle of a test would allow as many again.
LONG = "3/day"
FEW = {"limit_ip": "3/minute", "limit_sign_in_account": "3/minute"}


def new_namespace() -> str:
    return f"t{uuid4().hex[:12]}"


@asynccontextmanager
async def limiters(settings: Settings, number: int = 1, **changes: object) -> AsyncIterator[list[Limiter]]:
    """Limiters as those of so many processes, with a namespace that nobody else counts in."""
    few = msgspec.structs.replace(settings, **{"namespace": new_namespace(), **FEW, **changes})
    made = [Limiter(few) for _ in range(number)]
    yield made
    for limiter in made:
        await limiter.aclose()


async def allowed(limiter: Limiter, times: int, rule: Rule = Rule.SIGN_IN_ACCOUNT, who: str = MAIL) -> int:
    """How many of so many hits get through."""
    count = 0
    for _ in range(times):
        try:
            await limiter.hit(rule, who)
        except RateLimited:
            continue
        count += 1
    return count


async def test_two_processes_share_a_count(settings: Settings) -> None:
    async with limiters(settings, 2) as (one, other):
        assert await allowed(one, 2) == 2
        assert await allowed(other, 5) == 1
        assert await allowed(one, 1) == 0
        assert await allowed(one, 1, who="another@hotel.example") == 1
        assert await allowed(one, 1, Rule.MAIL_ACCOUNT) == 1, "each rule counts for itself"


async def test_a_burst_is_counted_one_by_one(settings: Settings) -> None:
    async with limiters(settings, limit_sign_in_account="20/hour") as (limiter,):
        assert sum(await asyncio.gather(*(allowed(limiter, 1) for _ in range(200)))) == 20


async def test_a_wide_limit_is_spent_in_lumps(settings: Settings) -> None:
    async with limiters(settings, 2, limit_device="1000/hour") as (one, other):
        client = redis.asyncio.Redis.from_url(settings.redis_url or "")

        async def asked() -> int:
            calls: int = (await client.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]
            return calls

        before = await asked()
        assert await allowed(one, 300, Rule.DEVICE) == 300
        assert sum(await asyncio.gather(*(allowed(one, 1, Rule.DEVICE) for _ in range(200)))) == 200
        assert await asked() - before == 50, "one buys for all who come at the same time"
        total = 500
        for limiter, times in ((other, 495), (one, 50), (other, 50)):
            total += await allowed(limiter, times, Rule.DEVICE)
        assert total == 1000, "when a lump is no longer to be had, one by one"
        await client.aclose()


@pytest.mark.parametrize("with_redis", [True, False])
async def test_the_refusal_says_when_to_come_back(settings: Settings, with_redis: bool) -> None:
    async with limiters(settings, redis_url=settings.redis_url if with_redis else None) as (limiter,):
        assert await allowed(limiter, 3) == 3
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                await limiter.hit(Rule.SIGN_IN_ACCOUNT, MAIL)
            seconds = caught.value.details["retry_after_seconds"]
            assert isinstance(seconds, int)
            assert 1 <= seconds <= 61
            assert caught.value.temporary


async def test_an_ipv6_customer_is_one(settings: Settings) -> None:
    async with limiters(settings) as (limiter,):
        for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::1"):
            assert await allowed(limiter, 1, Rule.IP, host) == 1
        assert await allowed(limiter, 1, Rule.IP, "2001:db8::99") == 0
        assert await allowed(limiter, 1, Rule.IP, "2001:db8:0:1::1") == 1


async def test_identifiers_do_not_run_together(settings: Settings) -> None:
    async with limiters(settings, limit_sign_in_account="1/minute") as (limiter,):
        await limiter.hit(Rule.SIGN_IN_ACCOUNT, "a", "bc")
        await limiter.hit(Rule.SIGN_IN_ACCOUNT, "ab", "c")
        await limiter.hit(Rule.SIGN_IN_ACCOUNT, "abc")


async def test_redis_holds_nobody_by_name_and_nothing_for_ever(settings: Settings) -> None:
    namespace = new_namespace()
    async with limiters(settings, namespace=namespace) as (limiter,):
        await limiter.hit(Rule.SIGN_IN_ACCOUNT, MAIL)
        await limiter.hit(Rule.IP, "203.0.113.7")
        client = redis.asyncio.Redis.from_url(settings.redis_url or "")
        keys = [key async for key in client.scan_iter(match=f"{namespace}:*")]
        assert len(keys) == 2
        for key in keys:
            assert b"cook" not in key
            assert b"203.0.113.7" not in key
            assert await client.ttl(key) > 0
        await client.aclose()


async def test_without_redis_the_limit_stands(
    servers: Servers, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with limiters(settings, 2, limit_sign_in_account=LONG) as (one, other):
        assert await allowed(one, 1) == 1
        servers.redis.kill()
        try:
            async with asyncio.timeout(5):
                assert await allowed(one, 10) == 3
                assert await allowed(other, 10) == 3, "each process for itself"
            told = [record for record in caplog.records if "without redis" in record.message]
            assert len(told) == 2, "once each"
        finally:
            await asyncio.to_thread(servers.redis.start)
        async with asyncio.timeout(10):
            while one.away is not None or other.away is not None:
                await asyncio.wait([task for task in (one.away, other.away) if task is not None])
        assert await allowed(one, 2) == 2
        assert await allowed(other, 2) == 1, "they share a count again"


async def test_a_redis_that_is_silent_holds_nobody_up(settings: Settings) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    silence = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, limiters(settings, redis_url=silence, limit_sign_in_account=LONG) as (limiter,):
        async with asyncio.timeout(5):
            assert sum(await asyncio.gather(*(allowed(limiter, 1) for _ in range(50)))) == 3


async def test_an_address_that_asks_too_often_gets_429(settings: Settings) -> None:
    async with limiters(settings) as (limiter,):
        app = site([], limiter=limiter)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
            for _ in range(3):
                assert (await client.get("/api/openapi.json")).status_code == 200
            answer = await client.get("/api/v1/whatever")
            document = problem(answer, 429, "rate_limited")
            assert document["temporary"] is True
            assert answer.headers["retry-after"] == str(document["details"]["retry_after_seconds"])
            assert answer.headers["x-request-id"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert (await client.get("/tablet")).status_code == 200, "pages and their files are not counted"
        elsewhere = httpx.ASGITransport(app, client=("198.51.100.9", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://hub") as client:
            assert (await client.get("/api/openapi.json")).status_code == 200
