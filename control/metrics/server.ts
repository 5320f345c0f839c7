// /metrics over plain HTTP: node:http is enough for one path, and keeps a framework off the port that others can reach.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Running } from "../daemon/running.js";
import { VxlaneError } from "../errors.js";
import { Metrics } from "./metrics.js";

export interface MetricsServer {
  /** `http://127.0.0.1:9479/metrics` */
  readonly address: string;
  close(): Promise<void>;
}

/** Listens on the config's `metrics.listen`. @throws ERR_HOST_PORT_TAKEN */
export async function startMetrics(running: Running): Promise<MetricsServer> {
  const { host, port } = running.config.metrics.listen;
  const metrics = new Metrics(running);
  const server = createServer((request, response) => {
    answer(metrics, request, response).catch((error: unknown) => {
      running.log.error({ err: error }, "could not collect the metrics");
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new VxlaneError("ERR_HOST_PORT_TAKEN", `cannot serve metrics: ${cause.message}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  // Later ones (no descriptor left for a connection, say) are no reason to end.
  server.on("error", (error) => running.log.error({ err: error }, "the metrics' server"));
  const bound = server.address() as AddressInfo;
  const hostText = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    address: `http://${hostText}:${bound.port}/metrics`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

async function answer(metrics: Metrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split("?")[0];
  if (path !== "/metrics") {
    response.writeHead(404, { "content-type": "text/plain" }).end("the metrics are at /metrics\n");
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  const text = Buffer.from(await metrics.collect());
  response.writeHead(200, { "content-type": metrics.contentType, "content-length": text.length });
  response.end(request.method === "HEAD" ? undefined : text);
}
