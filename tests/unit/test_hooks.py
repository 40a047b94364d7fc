"""Signatures, the pace of trying again, who is left alone, letters."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from hub.hooks.letters import Message, compose
from hub.hooks.model import ChangeWebhook, NewWebhook, NewWebhookReply, Webhook
from hub.hooks.pace import LIFE, Circuits, next_try
from hub.hooks.signing import headers, new_secret

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_example_of_the_specification() -> None:
    assert headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    ) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_32_random_bytes_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(10)}
    assert len(secrets) == 10
    assert all(len(base64.b64decode(one.removeprefix("whsec_"))) == 32 for one in secrets)


def test_pauses_grow_and_end_with_the_day() -> None:
    expected = [5, 15, 45, 135, 405, 1215, 3600, 3600]
    for attempts, seconds in enumerate(expected, 1):
        pauses = [next_try(attempts, NOW, NOW) for _ in range(50)]
        assert all(one is not None for one in pauses)
        found = [one.total_seconds() for one in pauses if one is not None]
        assert seconds * 0.75 <= min(found) <= max(found) <= seconds * 1.25
        assert len(set(found)) > 10, "they must not come again together"
    assert next_try(1, NOW - LIFE + timedelta(seconds=10), NOW) is not None
    assert next_try(1, NOW - LIFE + timedelta(seconds=3), NOW) is None
    assert next_try(1000, NOW, NOW) is not None


def test_who_fails_again_and_again_is_left_alone_for_longer_and_longer() -> None:
    circuits, bad, good = Circuits(), uuid4(), uuid4()
    now = 1000.0
    for _ in range(2):
        circuits.failed(bad, now)
        assert circuits.closed(now) == []
    rests = []
    for _ in range(8):
        circuits.failed(bad, now)
        circuits.failed(good, now)
        assert circuits.succeeded(good)
        assert circuits.closed(now) == [bad]
        until = next(second for second in range(1000) if not circuits.closed(now + second))
        rests.append(until)
        now += until
    assert 10 <= rests[0] <= 20
    assert rests[0] < rests[2] < rests[4]
    assert max(rests) <= 376
    assert circuits.succeeded(bad)
    assert not circuits.succeeded(bad)
    circuits.failed(bad, now)
    assert circuits.closed(now) == []
    for _ in range(2000):
        circuits.failed(bad, now)
    assert circuits.closed(now) == [bad]


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("locale", ["ja", "en"])
def test_a_letter_names_the_room_and_the_time_of_the_hotel(locale: str, shown: bool) -> None:
    told = msgspec.json.decode(
        b'{"type":"order.paged","timestamp":"2026-11-21T12:03:00.000Z","data":{"order_id":"x","order_number":7,'
        b'"room_number":"1203","step":"page","channel":"tablet","placed_at":"2026-11-21T12:00:00.000Z",'
        b'"fire_at":null,"shown_at":%s}}' % (b'"2026-11-21T12:00:05.000Z"' if shown else b"null"),
        type=Message,
    ).data
    letter = compose(
        told, locale=locale, time_zone="Asia/Tokyo", hotel="Sakura", name="Aiko", to="a@b.example"
    )
    assert letter.to == "a@b.example"
    assert "1203" in letter.subject
    for part in ("Aiko", "Sakura", "1203", "21:00", "7"):
        assert part in letter.text
    japanese = any("぀" <= char <= "ヿ" for char in letter.subject + letter.text)
    assert japanese == (locale == "ja")
    other = compose(
        msgspec.structs.replace(told, shown_at=None if shown else told.placed_at),
        locale=locale, time_zone="Asia/Tokyo", hotel="Sakura", name="Aiko", to="a@b.example",
    )  # fmt: skip
    assert other.text != letter.text, "whether a screen shows it tells where to look"


def test_reprs_say_neither_secret_nor_address() -> None:
    shown = Webhook(uuid4(), "https://hooks.example/T0KEN", ["order.paged"], None, True, NOW, None)
    for one in (
        NewWebhook("https://hooks.example/T0KEN", ("order.paged",)),
        ChangeWebhook(url="https://hooks.example/T0KEN"),
        NewWebhookReply(shown, "whsec_T0KEN"),
    ):
        assert "T0KEN" not in repr(one)
