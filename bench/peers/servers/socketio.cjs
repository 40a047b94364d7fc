// Socket.IO with its Redis adapter; a room for each hotel.
"use strict";
const http = require("node:http");
const Redis = require("ioredis");
const { createAdapter } = require("@socket.io/redis-adapter");
const { Server } = require("socket.io");

const [port, redisPath] = process.argv.slice(2);
const publisher = new Redis(redisPath);
const server = http.createServer();
const io = new Server(server, {
  adapter: createAdapter(publisher, publisher.duplicate()),
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
});

io.on("connection", (socket) => {
  // Each socket would otherwise hold on to the request of its handshake (as the manual on memory advises).
  const room = socket.handshake.query.room;
  socket.conn.request = null;
  socket.join(room);
});
server.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 });
