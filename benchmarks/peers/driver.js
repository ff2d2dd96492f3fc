// Lets a dataflow engine for Node.js be measured from outside: one JSON request a line in, one JSON reply a line out.
//
// An engine is a function `open(graph, onOutput)` that answers `{send(node, value), close()}`. `graph` is
// `{nodes: [{id, work, expression}], edges: [[from, to]]}`, where work names what a node does and expression says it in
// JavaScript (`value * 2`), and `onOutput(value)` is to be called with whatever a node without outgoing edges yields.

'use strict';

const readline = require('node:readline');
const { performance } = require('node:perf_hooks');

const BURST = 500; // messages between two looks at the event loop, as one HTTP request would bring

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function throughput(flows, request) {
  const { messages, outputs, entries, value } = request;
  const each = Math.max(1, Math.floor(messages / flows.length));
  const awaited = each * flows.length * outputs;
  const arrived = flows.arrivals(awaited);
  const started = performance.now();
  for (let sent = 0; sent < each; sent += BURST) {
    const upTo = Math.min(each, sent + BURST);
    for (const flow of flows) {
      for (let index = sent; index < upTo; index += 1) flow.send(entries[index % entries.length], value);
    }
    await turn();
  }
  await arrived;
  return { seconds: (performance.now() - started) / 1000, messages: each * flows.length };
}

async function closedLoop(flows, request) {
  const { messages, outputs, entries, value } = request;
  const latencies = [];
  for (let index = 0; index < messages; index += 1) {
    const arrived = flows.arrivals(outputs);
    const started = performance.now();
    flows[0].send(entries[index % entries.length], value);
    await arrived;
    latencies.push((performance.now() - started) / 1000);
  }
  return { latencies };
}

// Latency counts from the moment when a message was due, so that waiting before the engine is not hidden.
async function openLoop(flows, request) {
  const { messages, outputs, entries, value, rate } = request;
  const latencies = [];
  const started = performance.now();
  const due = (index) => started + (index * 1000) / rate;
  let seen = 0;
  const done = new Promise((resolve) => {
    flows.onOutput = () => {
      seen += 1;
      if (seen % outputs === 0) latencies.push((performance.now() - due(seen / outputs - 1)) / 1000);
      if (seen === messages * outputs) resolve();
    };
  });
  for (let index = 0; index < messages; index += 1) {
    while (performance.now() < due(index)) await turn();
    flows[0].send(entries[index % entries.length], value);
  }
  await done;
  return { latencies };
}

const MODES = { throughput, closed: closedLoop, open: openLoop };

async function answer(open, request) {
  const flows = [];
  let last;
  flows.onOutput = () => {};
  flows.arrivals = (count) => new Promise((resolve) => {
    let remaining = count;
    flows.onOutput = () => {
      remaining -= 1;
      if (remaining === 0) resolve();
    };
  });
  const onOutput = (value) => {
    last = value;
    flows.onOutput();
  };
  for (let index = 0; index < (request.executions || 1); index += 1) flows.push(await open(request.graph, onOutput));
  try {
    await MODES.throughput(flows, { ...request, messages: request.warmUp || 1 });
    const reply = await MODES[request.mode](flows, request);
    return { ...reply, last };
  } finally {
    for (const flow of flows) await flow.close();
  }
}

async function serve(name, version, open) {
  process.stdout.write(`${JSON.stringify({ name, version, node: process.version })}\n`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let reply;
    try {
      reply = await answer(open, JSON.parse(line));
    } catch (error) {
      reply = { error: String((error && error.stack) || error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  process.exit(0);
}

module.exports = { serve };
