// socket.io's own server, telling a room what a watched execution of two nodes would tell it: for each message two
// calls and one hop. Prints its port; reads "go RATE SECONDS", emits so many messages a second for so long, prints
// how many it emitted, and ends the execution.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const { version } = createRequire(import.meta.url)("socket.io/package.json");
const http = createServer();
const io = new Server(http);
const executionId = "x";
const room = `execution:${executionId}`;

io.on("connection", (socket) => {
  socket.on("execution:subscribe", () => {
    socket.join(room);
    socket.emit("execution:state", { executionId, state: "running" });
  });
});

function tell(sequence) {
  const timestamp = Date.now();
  io.to(room).emit("component:invoked", { executionId, nodeId: "a", port: "in", timestamp });
  io.to(room).emit("port:emit", {
    executionId, sourceNode: "a", sourcePort: "out", targetNode: "b", targetPort: "in",
    value: { n: sequence }, timestamp, sequence,
  });
  io.to(room).emit("component:invoked", { executionId, nodeId: "b", port: "in", timestamp });
}

function go(rate, seconds) {
  const began = performance.now();
  let emitted = 0;
  const timer = setInterval(() => {
    const elapsed = (performance.now() - began) / 1000;
    const due = Math.min(elapsed, seconds) * rate;
    for (; emitted < due; emitted += 1) tell(emitted);
    if (elapsed < seconds) return;
    clearInterval(timer);
    io.to(room).emit("execution:completed", { executionId, state: "completed" });
    console.log(JSON.stringify({ emitted, seconds: elapsed }));
  }, 10);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const [, rate, seconds] = line.split(" ");
  go(Number(rate), Number(seconds));
});
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port, version })));
