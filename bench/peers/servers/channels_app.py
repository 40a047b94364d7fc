"""Django Channels with the pub/sub layer of channels_redis, as an ASGI application for uvicorn.

It is not installed where the types are checked.
"""

from __future__ import annotations

import os

import django  # type: ignore[import-not-found]
from django.conf import settings  # type: ignore[import-not-found]

settings.configure(
    DEBUG=False,
    SECRET_KEY="of no use here: nothing is signed",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # redis-py's own 5 s would end a connection on which nothing happens for as long
            "CONFIG": {"hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": 60}]},
        }
    },
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]  # noqa: E402 - after setup()
from channels.routing import ProtocolTypeRouter, URLRouter  # type: ignore[import-untyped]  # noqa: E402
from django.urls import path  # type: ignore[import-not-found]  # noqa: E402


class Screen(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        self.room = f"room-{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def room_event(self, event: dict[str, str]) -> None:
        await self.send(text_data=event["text"])


application = ProtocolTypeRouter({"websocket": URLRouter([path("rooms/<int:room>", Screen.as_asgi())])})
