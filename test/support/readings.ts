// What the engine has noted in the shared memory, as plain records that compare with the oracle's: counters, FDB,
// events.

import { Drop } from "../../dataplane-wasm/drop.js";
import * as L from "../../dataplane-wasm/layout.js";
import type { Counters, NetworkCounter, VtepCounter } from "../oracle/counters.js";
import { hex } from "./bytes.js";
import type { Engine } from "./engine.js";

const NETWORK_OFFSETS: Record<NetworkCounter, number> = {
  receivedEncap: L.COUNTER_RECEIVED_ENCAP,
  receivedDecap: L.COUNTER_RECEIVED_DECAP,
  framesEncap: L.COUNTER_FRAMES_ENCAP,
  framesDecap: L.COUNTER_FRAMES_DECAP,
  bytesEncap: L.COUNTER_BYTES_ENCAP,
  bytesDecap: L.COUNTER_BYTES_DECAP,
  local: L.COUNTER_LOCAL,
  floodedEncap: L.COUNTER_FLOODED_ENCAP,
  floodedDecap: L.COUNTER_FLOODED_DECAP,
  learned: L.COUNTER_LEARNED,
  moved: L.COUNTER_MOVED,
  aged: L.COUNTER_AGED,
  limit: L.COUNTER_LIMIT,
  ecnAlarm: L.COUNTER_ECN_ALARM,
  icmp: L.COUNTER_ICMP,
  frozen: L.COUNTER_FROZEN,
  held: L.COUNTER_HELD,
};

const VTEP_OFFSETS: Record<VtepCounter, number> = {
  framesEncap: L.VTEP_COUNTER_FRAMES_ENCAP,
  framesDecap: L.VTEP_COUNTER_FRAMES_DECAP,
  bytesEncap: L.VTEP_COUNTER_BYTES_ENCAP,
  bytesDecap: L.VTEP_COUNTER_BYTES_DECAP,
  dropsEncap: L.VTEP_COUNTER_DROPS_ENCAP,
  dropsDecap: L.VTEP_COUNTER_DROPS_DECAP,
};

/** All counters of the engine's worker and of control's instance that are not zero, named as the oracle names them. */
export function readCounters(engine: Engine): Counters {
  const counters: Counters = {};
  for (const slot of [engine.worker, L.WORKER_CONTROL]) {
    const add = (name: string, at: number) => {
      const value = Number(engine.view.getBigUint64(at, true));
      if (value !== 0) counters[name] = (counters[name] ?? 0) + value;
    };
    for (const network of [0, ...engine.world.networks.map((record) => record.id)]) {
      const row = L.NETWORK_COUNTERS + slot * L.NETWORK_COUNTERS_WORKER + network * L.NETWORK_COUNTERS_SIZE;
      for (const [name, offset] of Object.entries(NETWORK_OFFSETS)) add(`network ${network} ${name}`, row + offset);
      for (let drop = 1; drop < DROPS; drop++) {
        add(`network ${network} drop ${Drop[drop]}`, row + L.COUNTER_DROPS + drop * 8);
      }
    }
    for (let vtep = 1; vtep < engine.view.getUint32(L.SYSTEM_VTEP_NEXT, true); vtep++) {
      const row = L.VTEP_COUNTERS + slot * L.VTEP_COUNTERS_WORKER + vtep * L.VTEP_COUNTERS_SIZE;
      for (const [name, offset] of Object.entries(VTEP_OFFSETS)) add(`vtep ${vtep} ${name}`, row + offset);
    }
  }
  return counters;
}

const DROPS = Object.values(Drop).filter((value) => typeof value === "number").length;

const KINDS = ["drop", "attachment", "vtep", "group"];

/** Every entry in the table: `network mac` to `kind id stamp generation flags`. Twice the same key: both are named. */
export function readFdb(engine: Engine): Record<string, string> {
  const entries: Record<string, string> = {};
  for (let bucket = 0; bucket < engine.world.fdbBuckets; bucket++) {
    for (let slot = 0; slot < L.FDB_BUCKET_SLOTS; slot++) {
      const at = L.FDB + bucket * L.FDB_BUCKET_SIZE + slot * 8;
      if (engine.shared.u64[at / 8] === 0n) continue;
      const value = engine.view.getBigUint64(at + L.FDB_BUCKET_VALUES, true);
      const field = (shift: number, mask: number) => Number((value >> BigInt(shift)) & BigInt(mask));
      const key = `${engine.view.getUint16(at + 6, true)} ${hex(engine.shared.u8.slice(at, at + 6))}`;
      const text = fdbText({
        kind: KINDS[field(L.FDB_VALUE_KIND_SHIFT, 15)],
        id: field(L.FDB_VALUE_ID_SHIFT, L.FDB_VALUE_ID_MASK),
        generation: field(L.FDB_VALUE_GENERATION_SHIFT, 0xff),
        fixed: (field(L.FDB_VALUE_FLAGS_SHIFT, 0xff) & L.FDB_FLAG_STATIC) !== 0,
        own: (field(L.FDB_VALUE_FLAGS_SHIFT, 0xff) & L.FDB_FLAG_OWN) !== 0,
        frozen: (field(L.FDB_VALUE_FLAGS_SHIFT, 0xff) & L.FDB_FLAG_FROZEN) !== 0,
        stamp: field(L.FDB_VALUE_STAMP_SHIFT, 0xffff),
      });
      entries[key] = key in entries ? `${entries[key]} and ${text}` : text;
    }
  }
  return entries;
}

export interface FdbText {
  readonly kind: string;
  readonly id: number;
  readonly generation: number;
  readonly fixed: boolean;
  readonly own: boolean;
  readonly frozen: boolean;
  readonly stamp: number;
}

/** A static entry has no stamp and no generation that count. */
export function fdbText(entry: FdbText): string {
  const target = `${entry.kind} ${entry.id}`;
  if (entry.fixed) return `${target} static${entry.own ? " own" : ""}`;
  return `${target} stamp ${entry.stamp} generation ${entry.generation}${entry.frozen ? " frozen" : ""}`;
}

const EVENT_NAMES: Record<number, string> = {
  [L.EVENT_LEARNED]: "learned",
  [L.EVENT_MOVED]: "moved",
  [L.EVENT_AGED]: "aged",
  [L.EVENT_LIMIT]: "limit",
};

/** The worker's events since the last call, oldest first: `learned 1 0200... vtep 3`. */
export function drainEvents(engine: Engine, slot = engine.worker): string[] {
  const ring = L.EVENTS + slot * L.EVENT_RING_SIZE;
  const head = engine.view.getUint32(ring + L.EVENT_HEAD, true);
  const events: string[] = [];
  for (let tail = engine.view.getUint32(ring + L.EVENT_TAIL, true); tail !== head; tail = (tail + 1) >>> 0) {
    const at = ring + L.EVENT_RECORDS + (tail & (L.EVENT_RING - 1)) * L.EVENT_SIZE;
    const kind = EVENT_NAMES[engine.view.getUint8(at + L.EVENT_KIND)];
    const network = engine.view.getUint16(at + L.EVENT_NETWORK, true);
    const mac = hex(engine.shared.u8.slice(at + L.EVENT_MAC, at + L.EVENT_MAC + 6));
    const to = KINDS[engine.view.getUint8(at + L.EVENT_TO_KIND)];
    events.push(`${kind} ${network} ${mac} ${to} ${engine.view.getUint32(at + L.EVENT_TO, true)}`);
  }
  engine.view.setUint32(ring + L.EVENT_TAIL, head, true);
  return events;
}
