// What both ends know and counted once traffic has flowed: the FDBs and vxlane's counters.

import { setTimeout as sleep } from "node:timers/promises";
import { apiGet, type Demo, VNI, type Vxlane } from "./hosts.js";

export interface FdbEntry {
  mac: string;
  /** A VTEP's address or a port's name. */
  behind: string;
  /** How it got there. */
  kind: string;
}

interface VxlaneEntry {
  mac: string;
  vtep?: string;
  port?: string;
  kind: string;
}

/** vxlane's FDB, from its API. */
export async function vxlaneFdb({ socket }: Vxlane): Promise<FdbEntry[]> {
  const entries = (await apiGet(socket, `/v1/networks/${VNI}/fdb`)) as VxlaneEntry[];
  return entries.map(({ mac, vtep, port, kind }) => ({
    mac,
    behind: vtep === undefined ? `port ${port}` : `VTEP ${vtep}`,
    kind,
  }));
}

/** The kernel's FDB, from `bridge fdb`. The all-zero MAC is its flood list. */
export async function kernelFdb({ b }: Demo): Promise<FdbEntry[]> {
  const lines = (await b.ns.bridge("fdb", "show", "dev", b.device)).split("\n").filter(Boolean);
  return lines.map((line) => {
    const [mac = "", ...words] = line.split(" ");
    const behind = `VTEP ${words[words.indexOf("dst") + 1]}`;
    if (mac === "00:00:00:00:00:00") return { mac, behind, kind: "flood list" };
    return { mac, behind, kind: words.includes("permanent") ? "static" : "learned" };
  });
}

export interface Counters {
  direction: "encap" | "decap";
  received: number;
  frames: number;
  local: number;
  dropped: number;
  bytes: number;
  /** Why frames were dropped: frames by reason, without the zeros. */
  reasons: Record<string, number>;
}

/** vxlane's counters, from its metrics, once they rest. @throws if a frame is missing from the balance */
export async function counters({ a }: Demo, { metrics }: Vxlane): Promise<Counters[]> {
  let unbalanced: Counters[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    const text = await a.agent.call("httpGet", metrics);
    const result = (["encap", "decap"] as const).map((direction) => ({
      direction,
      received: sum(text, "vxlane_received_frames_total", direction),
      frames: sum(text, "vxlane_frames_total", direction),
      local: direction === "encap" ? sum(text, "vxlane_local_frames_total") : 0,
      dropped: sum(text, "vxlane_dropped_frames_total", direction),
      bytes: sum(text, "vxlane_bytes_total", direction),
      reasons: reasons(text, direction),
    }));
    unbalanced = result.filter(({ received, frames, local, dropped }) => received !== frames + local + dropped);
    if (unbalanced.length === 0) return result;
    await sleep(100);
  }
  throw new Error(`the counters do not balance: ${JSON.stringify(unbalanced)}`);
}

/** The samples of a metric: their labels as text, and their value. */
function samples(text: string, name: string): { labels: string; value: number }[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => ({
      labels: line.slice(name.length, line.lastIndexOf(" ")),
      value: Number(line.slice(line.lastIndexOf(" ") + 1)),
    }));
}

/** The sum of a metric over all networks. */
function sum(text: string, name: string, direction?: string): number {
  return samples(text, name)
    .filter(({ labels }) => direction === undefined || labels.includes(`direction="${direction}"`))
    .reduce((total, { value }) => total + value, 0);
}

function reasons(text: string, direction: string): Record<string, number> {
  const result: Record<string, number> = {};
  for (const { labels, value } of samples(text, "vxlane_dropped_frames_total")) {
    const reason = /reason="(\w+)"/.exec(labels)?.[1];
    if (reason === undefined || value === 0 || !labels.includes(`direction="${direction}"`)) continue;
    result[reason] = (result[reason] ?? 0) + value;
  }
  return result;
}
