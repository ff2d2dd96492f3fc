// Node-RED, embedded: runs a flow, presses its inject nodes, and says what its debug nodes were given.
// One JSON request a line, {flow, steps: [{inject} or {send, value}], settleMs}, and one JSON line in reply.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

console.log = console.error; // standard output is for replies
const modules = path.join(process.argv[2], 'node_modules');
const RED = require(path.join(modules, 'node-red'));
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

let shown = {};
const note = (id, value) => { (shown[id] ??= []).push(value === undefined ? null : JSON.parse(JSON.stringify(value))); };

// A debug node becomes a function node that hands over what it would show; so does an http response node.
function watched(node) {
  if (node.type === 'debug' && node.active !== false) {
    const complete = node.complete === true ? 'true' : node.complete ?? 'payload';
    const text = JSON.stringify({ id: node.id, complete, kind: node.targetType ?? 'msg' });
    return { ...node, type: 'function', outputs: 0, libs: [], func: `global.get('showDebug')(${text}, msg);` };
  }
  if (node.type === 'http response') {
    const text = JSON.stringify({ id: node.id, statusCode: node.statusCode, headers: node.headers });
    return { ...node, type: 'function', outputs: 0, libs: [], func: `global.get('showAnswer')(${text}, msg);` };
  }
  if (node.type === 'http in') return { ...node, type: 'function', outputs: 1, libs: [], func: 'return msg;' };
  return node;
}

function showDebug({ id, complete, kind }, msg) {
  if (kind === 'jsonata') {
    const expression = RED.util.prepareJSONataExpression(complete, RED.nodes.getNode(id));
    RED.util.evaluateJSONataExpression(expression, msg, (error, value) => note(id, error ? String(error) : value));
    return;
  }
  let value = msg;
  if (complete !== 'true') {
    try {
      value = RED.util.getMessageProperty(msg, complete === 'false' || !complete ? 'payload' : complete);
    } catch (error) { value = undefined; }
  }
  note(id, value);
}

function showAnswer({ id, statusCode, headers }, msg) {
  const code = Number(statusCode || msg.statusCode || 200);
  note(id, { statusCode: code, headers: { ...msg.headers, ...headers }, payload: msg.payload ?? null });
}

async function deploy(flows) {
  const started = new Promise((resolve) => { RED.events.once('flows:started', resolve); });
  await RED.runtime.flows.setFlows({ flows: { flows }, deploymentType: 'full' });
  await started;
}

async function run({ flow, steps, settleMs }) {
  shown = {};
  await deploy(flow.map(watched));
  await pause(settleMs);
  for (const step of steps) {
    if (step.value === undefined) RED.nodes.getNode(step.node).receive();
    else RED.nodes.getNode(step.node).receive(step.value);
    await pause(step.pauseMs ?? 20);
  }
  await pause(settleMs);
  await deploy([]);
  return shown;
}

async function main() {
  const userDir = fs.mkdtempSync(path.join(os.tmpdir(), 'nodered-'));
  process.on('exit', () => fs.rmSync(userDir, { recursive: true, force: true }));
  RED.init(http.createServer(), {
    userDir, httpAdminRoot: false, httpNodeRoot: false, functionGlobalContext: { showDebug, showAnswer },
    logging: { console: { level: 'off' } }, telemetry: { enabled: false },
  });
  const started = new Promise((resolve) => { RED.events.once('flows:started', resolve); });
  await RED.start();
  await started;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let reply;
    try { reply = { shown: await run(JSON.parse(line)) }; } catch (error) { reply = { error: String(error.stack) }; }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  process.exit(0);
}

main();
