// Express with a body parser and nothing behind it: the floor under what a request can cost on Node.js.

'use strict';

const express = require('express');

const app = express();
app.use(express.json({ limit: '64mb' }));
app.post('/inject', (request, response) => {
  response.json({ success: true, nodeId: request.body.nodeId });
});
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${server.address().port}\n`);
});
server.keepAliveTimeout = 600_000; // its turn comes when the others have had theirs
