// GET /v1/stats and /v1/vteps: the counters, in the words of the balance. The same readings as /metrics, for people and
// scripts.

import type { Running } from "../daemon/running.js";
import type { Direction } from "../metrics/labels.js";
import { type DirectionReading, type NetworkReading, readNetworks, readVtep, readVteps } from "../metrics/readings.js";
import { byKey, numericCursor, sendList } from "./list.js";
import { type Route, route } from "./route.js";
import { listOf, PAGING, StatsAnswer, VtepStatsAnswer } from "./schemas.js";

export function statsRoutes(running: Running): Route[] {
  return [
    route("GET", "/v1/stats", { summary: "The counters", answers: { 200: ok(StatsAnswer) } }, () => stats(running)),
    route(
      "GET",
      "/v1/vteps",
      {
        summary: "Every VTEP that is known, those learned by a prefix of an allow list too",
        query: PAGING,
        isList: true,
        answers: { 200: ok(listOf(VtepStatsAnswer)) },
      },
      (call) => {
        const { vteps } = running.tables;
        return sendList(
          call,
          byKey(vteps.ids(), numericCursor(call.query), (id) => readVtep(running, id)),
        );
      },
    ),
  ];
}

function ok(schema: object) {
  return { description: "as read now", schema };
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
