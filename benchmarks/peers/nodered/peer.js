// Node-RED, embedded, as a peer: every node of a graph is one of its function nodes.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const RED = require('node-red');
const { version } = require('node-red/package.json');
const { serve } = require('../driver.js');

const code = (expression) => (
  expression === 'value' ? '' : `const value = msg.payload; msg.payload = ${expression};`
);
const outputs = new Map(); // by flow, what to call with an output
let opened = 0;
let flows = [];

async function deploy() {
  const started = new Promise((resolve) => RED.events.once('flows:started', resolve));
  await RED.runtime.flows.setFlows({ flows: { flows }, deploymentType: 'flows' });
  await started;
}

async function open(graph, onOutput) {
  opened += 1;
  const tab = `flow${opened}`;
  const id = (node) => `${tab}-${node}`;
  outputs.set(tab, onOutput);
  const nodes = graph.nodes.map((node) => {
    const targets = graph.edges.filter(([from]) => from === node.id).map(([, to]) => id(to));
    // A node without a successor hands its value over itself: a further node would be a further hop.
    const end = `${code(node.expression)} global.get('outputs').get('${tab}')(msg.payload);`;
    return {
      id: id(node.id), z: tab, type: 'function', name: '', outputs: 1, timeout: 0, noerr: 0,
      initialize: '', finalize: '', libs: [], x: 0, y: 0,
      func: targets.length ? `${code(node.expression)} return msg;` : end, wires: [targets],
    };
  });
  flows = [...flows, { id: tab, type: 'tab', label: tab, disabled: false, info: '' }, ...nodes];
  await deploy();
  return {
    send: (node, value) => RED.nodes.getNode(id(node)).receive({ payload: value }),
    close: async () => {
      flows = flows.filter((each) => each.id !== tab && each.z !== tab);
      outputs.delete(tab);
      await deploy();
    },
  };
}

async function main() {
  const userDir = fs.mkdtempSync(path.join(os.tmpdir(), 'nodered-'));
  process.on('exit', () => fs.rmSync(userDir, { recursive: true, force: true }));
  RED.init(http.createServer(), {
    userDir, httpAdminRoot: false, httpNodeRoot: false, functionGlobalContext: { outputs },
    logging: { console: { level: 'off' } }, telemetry: { enabled: false },
  });
  const started = new Promise((resolve) => RED.events.once('flows:started', resolve));
  await RED.start();
  await started;
  await serve('Node-RED', version, open);
}

main();
