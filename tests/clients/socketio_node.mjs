// Drives socket.io-client against the test's server, and prints what it meets as one line of JSON.
// Usage: node socketio_node.mjs URL TRANSPORTS, where TRANSPORTS is for example polling,websocket
import { io } from "socket.io-client";

const [url, transports] = process.argv.slice(2);
const options = { transports: transports.split(","), forceNew: true, reconnection: false };
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
const met = {};

const socket = io(url, { ...options, auth: { token: "123" }, query: { colour: "blue" } });
const upgraded = once(socket.io, "open").then(() =>
  socket.io.engine.transport.name === "websocket" ? null : once(socket.io.engine, "upgrade"),
);
const greeting = once(socket, "auth");
await once(socket, "connect");
met.auth = (await greeting)[0];
if (transports.includes("websocket")) await upgraded;
met.transport = socket.io.engine.transport.name;

const echoed = once(socket, "message-back");
socket.emit("message", 1, "€😀", { deep: [true, null] });
met.echo = await echoed;
met.ack = await socket.timeout(5000).emitWithAck("message-with-ack", { n: 1 });

const binary = once(socket, "message-back");
socket.emit("message", Buffer.from([1, 2, 3]), { inside: Buffer.from([4]) });
const [first, second] = await binary;
met.binary = [[...first], [...second.inside]];
met.binaryAck = [...(await socket.timeout(5000).emitWithAck("message-with-ack", Buffer.from([9])))];

const numbers = [];
const all = new Promise((resolve) => {
  socket.on("message-back", (number) => numbers.push(number) === 200 && resolve());
});
for (let number = 0; number < 200; number++) socket.emit("message", number);
await all;
met.inOrder = numbers.every((number, index) => number === index);

const custom = io(`${url}/custom`, { ...options, auth: { token: "abc" } });
met.custom = (await once(custom, "auth"))[0];
custom.disconnect();

const unknown = io(`${url}/random`, options);
met.unknown = (await once(unknown, "connect_error"))[0].message;
unknown.io.engine.close();

const strict = io(`${url}/strict`, options);
const [refusal] = await once(strict, "connect_error");
met.refused = { message: refusal.message, data: refusal.data };
strict.io.engine.close();

socket.on("question", (six, seven, answer) => answer(six * seven));
met.asked = await socket.timeout(5000).emitWithAck("ask");

const put = once(socket, "disconnect");
socket.emit("put me out");
met.putOut = (await put)[0];
console.log(JSON.stringify(met));
