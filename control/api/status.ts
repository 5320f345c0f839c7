// GET /v1/status: is it alive, what is it, how is it.

import type { FastifyInstance } from "fastify";
import { version } from "../cli/version.js";
import type { Running } from "../daemon/running.js";

export function addStatusRoutes(app: FastifyInstance, running: Running): void {
  app.get("/v1/status", async () => status(running));
}

function status({ config, startMs, tables, workers, offloads }: Running) {
  return {
    version: version(),
    /** Seconds. */
    uptime: Math.round((performance.now() - startMs) / 1000),
    local: config.local,
    port: config.port,
    sourcePorts: config.sourcePorts,
    underlay: { driver: config.underlay.driver, interface: config.underlay.interface },
    offloads,
    workers: Array.from({ length: workers.count }, (_, id) => ({
      id,
      state: workers.state(id),
      busyRatio: workers.busyRatio(id),
      restarts: workers.restarts(id),
    })),
    networks: tables.networks.size,
    ports: tables.ports.size,
    fdb: { entries: tables.fdbCount, capacity: tables.fdbCapacity },
  };
}
