// The short way of the one request that programs repeat thousands of times a second: where is this MAC? It answers on
// the bare HTTP server, before fastify has looked for a route, and makes the very bytes that the route makes.
//
// Only what is certain goes this way: a GET without query, all in lower case, of an entry that is there. Everything
// else, each mistake among it, goes the long way, so there is one place that explains and one that refuses.

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { FastifyServerOptions } from "fastify";
import { parseMac } from "../address.js";
import type { Running } from "../daemon/running.js";
import { describeEntry } from "./describe.js";
import { JSON_TYPE } from "./list.js";

const ENTRY = /^\/v1\/networks\/(0|[1-9]\d{0,7})\/fdb\/([0-9a-f]{2}(?::[0-9a-f]{2}){5})$/;

/** The HTTP server under fastify. */
export function laneServer(running: Running): NonNullable<FastifyServerOptions["serverFactory"]> {
  return (handler, options) => {
    const { keepAliveTimeout, requestTimeout, connectionTimeout } = options as FastifyServerOptions;
    const server = createServer((request, response) => {
      if (!answerEntry(running, request, response)) (handler as RequestListener)(request, response);
    });
    // As fastify sets up a server that it makes itself.
    if (keepAliveTimeout !== undefined) server.keepAliveTimeout = keepAliveTimeout;
    if (requestTimeout !== undefined) server.requestTimeout = requestTimeout;
    return server.setTimeout(connectionTimeout) as Server;
  };
}

/** False: it has not been answered. */
function answerEntry(running: Running, { method, url = "" }: IncomingMessage, response: ServerResponse): boolean {
  if (method !== "GET") return false;
  const match = ENTRY.exec(url);
  if (match === null) return false;
  const [, vni, mac = ""] = match;
  const network = running.tables.networks.find(Number(vni));
  const bytes = parseMac(mac);
  if (network === undefined || bytes === undefined) return false;
  const entry = describeEntry(running.tables, network, mac, bytes);
  if (entry === undefined) return false;
  const body = JSON.stringify(entry);
  response.writeHead(200, { "content-type": JSON_TYPE, "content-length": Buffer.byteLength(body) });
  response.end(body);
  return true;
}
