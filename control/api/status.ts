// GET /v1/status: is it alive, what is it, how is it.

import { version } from "../cli/version.js";
import type { Running } from "../daemon/running.js";
import { type Route, route } from "./route.js";
import { StatusAnswer } from "./schemas.js";

export function statusRoutes(running: Running): Route[] {
  const answers = { 200: { description: "it answers, so it is alive", schema: StatusAnswer } };
  return [route("GET", "/v1/status", { summary: "How the daemon is", answers }, () => status(running))];
}

function status({ config, startMs, tables, workers, underlay, problems, offloads, xdp }: Running) {
  return {
    version: version(),
    /** Seconds. */
    uptime: Math.round((performance.now() - startMs) / 1000),
    local: config.local,
    port: config.port,
    sourcePorts: config.sourcePorts,
    underlay: {
      driver: config.underlay.driver,
      interface: underlay.interface ?? config.underlay.interface,
      reason: underlay.reason,
    },
    offloads: { outerChecksum: offloads.outerChecksum, features: offloads.list() },
    xdp: xdp?.describe(),
    workers: Array.from({ length: workers.count }, (_, id) => ({
      id,
      state: workers.state(id),
      busyRatio: workers.busyRatio(id),
      /** Frames and datagrams that it took; a super-frame is one. */
      frames: tables.counters.workerFrames(id),
      restarts: workers.restarts(id),
    })),
    networks: tables.networks.size,
    ports: tables.ports.size,
    fdb: { entries: tables.fdbCount, capacity: tables.fdbCapacity, frozen: tables.damping.frozenCount },
    /** What is wrong at the moment; oldest first. */
    problems: problems.list(),
  };
}
