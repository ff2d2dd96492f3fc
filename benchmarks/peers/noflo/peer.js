// NoFlo as a peer: every node of a graph is a component with one input and one output.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const noflo = require('noflo');
const { serve } = require('../driver.js');

const manifest = path.join(__dirname, 'node_modules', 'noflo', 'package.json');
const { version } = JSON.parse(fs.readFileSync(manifest, 'utf8'));

function component(expression) {
  const work = new Function('value', `return ${expression};`);
  return () => {
    const made = new noflo.Component({ inPorts: { in: { datatype: 'all' } }, outPorts: { out: { datatype: 'all' } } });
    made.process((input, output) => {
      if (input.hasData('in')) output.sendDone({ out: work(input.getData('in')) });
    });
    return made;
  };
}

async function open(graph, onOutput) {
  const drawn = noflo.graph.createGraph('peer');
  for (const node of graph.nodes) drawn.addNode(node.id, `peer/${node.work}`);
  for (const [from, to] of graph.edges) drawn.addEdge(from, 'out', to, 'in');
  const loader = new noflo.ComponentLoader(__dirname);
  await loader.listComponents();
  for (const { work, expression } of graph.nodes) loader.registerComponent('peer', work, component(expression));
  const network = await noflo.createNetwork(drawn, { componentLoader: loader, subscribeGraph: false });
  const process = (id) => network.getNode(id).component;
  const entrances = new Map();
  for (const node of graph.nodes) {
    if (!graph.edges.some(([, to]) => to === node.id)) {
      const socket = noflo.internalSocket.createSocket();
      process(node.id).inPorts.in.attach(socket);
      entrances.set(node.id, socket);
    }
    if (!graph.edges.some(([from]) => from === node.id)) {
      const socket = noflo.internalSocket.createSocket();
      process(node.id).outPorts.out.attach(socket);
      socket.on('ip', (packet) => {
        if (packet.type === 'data') onOutput(packet.data);
      });
    }
  }
  await network.start();
  return { send: (node, value) => entrances.get(node).send(value), close: () => network.stop() };
}

serve('NoFlo', version, open);
