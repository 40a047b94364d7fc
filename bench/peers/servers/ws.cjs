// ws with ioredis: one channel for each room, subscribed to before the handshake is answered.
"use strict";
const http = require("node:http");
const Redis = require("ioredis");
const { WebSocketServer } = require("ws");

const [port, redisPath] = process.argv.slice(2);
const subscriber = new Redis(redisPath);
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const rooms = new Map();

subscriber.on("message", (channel, message) => {
  for (const socket of rooms.get(channel) ?? []) socket.send(message);
});

const server = http.createServer();
server.on("upgrade", async (request, socket, head) => {
  const room = /^\/rooms\/(\d+)$/.exec(request.url);
  if (room === null) return socket.destroy();
  const channel = `room:${room[1]}`;
  let members = rooms.get(channel);
  if (members === undefined) {
    members = new Set();
    rooms.set(channel, members);
    members.subscribed = subscriber.subscribe(channel);
  }
  await members.subscribed;
  sockets.handleUpgrade(request, socket, head, (opened) => {
    members.add(opened);
    opened.on("close", () => members.delete(opened));
    opened.on("error", () => opened.terminate());
  });
});
server.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 });
