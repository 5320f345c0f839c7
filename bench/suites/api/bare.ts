// The least that Node can answer with: a bare HTTP server on a unix socket, and one answer of the length of an FDB entry's.
// What it reaches is the limit of anything that speaks HTTP from Node.
//
//   node bare.js SOCKET

import { createServer } from "node:http";

const BODY = '{"mac":"02:00:00:00:00:02","vtep":"10.99.0.2","kind":"static","age":0}';

export const BARE = new URL(import.meta.url).pathname;

if (process.argv[1] === BARE) {
  const headers = { "content-type": "application/json; charset=utf-8", "content-length": BODY.length };
  const server = createServer((_, response) => response.writeHead(200, headers).end(BODY));
  server.listen(process.argv[2], () => process.stdout.write("ready\n"));
}
