// vxlane stats: the counters, in the words of the balance: received = frames + local + dropped.

import type { Command } from "commander";
import type { DirectionAnswer, StatsAnswer } from "../answers.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, type DaemonOptions } from "../options.js";
import { print } from "../output.js";
import { type Cell, table } from "../table.js";

export function addStats(program: Command): void {
  addDaemonOptions(program.command("stats").description("show what was forwarded, and what was dropped and why"))
    .addHelpText(
      "after",
      `
encap: from the ports to the tunnel; decap: from the tunnel to the ports. Bytes
are those of inner Ethernet frames. For each direction,
received = frames + local + dropped.

Examples:
  vxlane stats
  vxlane stats --json`,
    )
    .action(stats);
}

async function stats(options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  print(await api.get<StatsAnswer>(route("stats")), options.json, describe);
}

function describe({ totals, networks, vteps, drops }: StatsAnswer): string {
  const rows = [
    directionRow("all", "", "encap", totals.encap, totals.local),
    directionRow("all", "", "decap", totals.decap, ""),
    ...networks.flatMap(({ vni, name, encap, decap, local }) => [
      directionRow(String(vni), name, "encap", encap, local),
      directionRow(String(vni), name, "decap", decap, ""),
    ]),
  ];
  const heading = ["VNI", "NETWORK", "DIRECTION", "RECEIVED", "FRAMES", "LOCAL", "DROPPED", "FLOODED", "BYTES"];
  const parts = [table(heading, rows)];
  if (vteps.length > 0) {
    const vtepRows = vteps.flatMap(({ address, encap, decap }) => [
      [address, "encap", encap.frames, encap.dropped, encap.bytes],
      [address, "decap", decap.frames, decap.dropped, decap.bytes],
    ]);
    parts.push(table(["VTEP", "DIRECTION", "FRAMES", "DROPPED", "BYTES"], vtepRows));
  }
  if (drops.length > 0) {
    const dropRows = drops.map(({ vni, direction, reason, frames }) => [
      vni === null ? "-" : String(vni),
      direction,
      reason,
      frames,
    ]);
    parts.push(table(["VNI", "DIRECTION", "DROPPED FOR", "FRAMES"], dropRows));
  }
  return parts.join("\n");
}

function directionRow(vni: string, name: string, direction: string, counts: DirectionAnswer, local: Cell): Cell[] {
  const dropped = Object.values(counts.dropped).reduce((sum, frames) => sum + frames, 0);
  return [vni, name, direction, counts.received, counts.frames, local, dropped, counts.flooded, counts.bytes];
}
