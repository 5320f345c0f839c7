// A daemon without threads, sockets or interfaces: real tables and a real engine behind the API and the metrics.

import { pino } from "pino";
import type { Running } from "../../../control/daemon/running.js";
import { createFixture, type Fixture, LOCAL } from "../tables/fixture.js";

export interface FakeDaemon extends Fixture {
  readonly running: Running;
  /** What the kernel has lost, as the daemon would read it. */
  readonly lost: { ports: number; tooBig: number; underlay: number };
}

export async function createFakeDaemon(): Promise<FakeDaemon> {
  const fixture = await createFixture({ workers: 1 });
  const lost = { ports: 0, tooBig: 0, underlay: 0 };
  const running: Running = {
    config: {
      local: LOCAL,
      port: 4789,
      sourcePorts: { min: 49152, max: 65535 },
      workers: 1,
      reservedBits: "ignore",
      offloads: "auto",
      busyPoll: 0,
      underlay: { driver: "udp", checksum: "auto" },
      fdb: { capacity: 2048, damping: { moves: 5, thaw: 180 } },
      api: { socket: "/nowhere/api.sock" },
      metrics: { listen: { host: "127.0.0.1", port: 0 } },
      stateDir: "/nowhere",
      networks: [],
    },
    startMs: performance.now() - 42_000,
    memory: fixture.memory,
    tables: fixture.tables,
    workers: { count: 1, state: () => "asleep", busyRatio: () => 0.25, restarts: () => 3 },
    overlay: {
      add: () => {
        throw new Error("not here");
      },
      remove: async () => {},
    },
    ports: { find: () => undefined, readLost: () => ({ lost: lost.ports, tooBig: lost.tooBig }) },
    underlay: { readLost: () => lost.underlay },
    problems: { list: () => [] },
    offloads: {
      outerChecksum: true,
      list: () => [
        { feature: "udp_segment", enabled: true },
        { feature: "udp_gro", enabled: false, reason: "no port was opened yet" },
      ],
    },
    log: pino({ level: "silent" }),
  };
  return { ...fixture, running, lost };
}
