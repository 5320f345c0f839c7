// GET /v1/stats: the counters, in the words of the balance. The same readings as /metrics, for people and scripts.

import type { FastifyInstance } from "fastify";
import type { Running } from "../daemon/running.js";
import type { Direction } from "../metrics/labels.js";
import { type DirectionReading, type NetworkReading, readNetworks, readVteps } from "../metrics/readings.js";

export function addStatsRoutes(app: FastifyInstance, running: Running): void {
  app.get("/v1/stats", async () => stats(running));
}

function stats(running: Running) {
  const readings = [...readNetworks(running)];
  const total = (direction: Direction) => totalOf(readings.map((reading) => reading[direction]));
  return {
    totals: { encap: total("encap"), decap: total("decap"), local: sum(readings.map(({ local }) => local)) },
    networks: readings.filter(({ vni }) => vni !== undefined),
    /** What came before the network was known. */
    unknown: withoutNetwork(readings),
    vteps: [...readVteps(running)],
    drops: readings.flatMap(dropsOf),
    eventsLost: running.tables.events.lost,
  };
}

function totalOf(readings: readonly DirectionReading[]): DirectionReading {
  const dropped: Record<string, number> = {};
  for (const reading of readings) {
    for (const [reason, frames] of Object.entries(reading.dropped)) dropped[reason] = (dropped[reason] ?? 0) + frames;
  }
  return {
    received: sum(readings.map(({ received }) => received)),
    frames: sum(readings.map(({ frames }) => frames)),
    bytes: sum(readings.map(({ bytes }) => bytes)),
    flooded: sum(readings.map(({ flooded }) => flooded)),
    dropped,
  };
}

function withoutNetwork(readings: readonly NetworkReading[]) {
  const reading = readings.find(({ vni }) => vni === undefined);
  const part = (direction: Direction) => ({
    received: reading?.[direction].received ?? 0,
    dropped: reading?.[direction].dropped ?? {},
  });
  return { encap: part("encap"), decap: part("decap") };
}

/** `vni` is null where the network was unknown. */
function dropsOf(reading: NetworkReading) {
  return (["encap", "decap"] as const).flatMap((direction) =>
    Object.entries(reading[direction].dropped).map(([reason, frames]) => ({
      vni: reading.vni ?? null,
      direction,
      reason,
      frames,
    })),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
