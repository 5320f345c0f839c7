// What the counters say, in the words of the balance: for each direction, received = frames + local + dropped. Metrics
// and API both show these readings, taken from the shared memory when asked.
//
// Some losses happen before a worker sees the frame, in the kernel: a socket that was full (or a wrong checksum), a
// TAP whose queue was full, an xdp port's frame that was too large for its rings. Nobody could count them as received, so they are added here to both sides. A TAP's queue
// holds what the host sends into the tunnel, so its losses belong to encap.

import {
  COUNTER_AGED,
  COUNTER_BYTES_DECAP,
  COUNTER_BYTES_ENCAP,
  COUNTER_FLOODED_DECAP,
  COUNTER_FLOODED_ENCAP,
  COUNTER_FRAMES_DECAP,
  COUNTER_FRAMES_ENCAP,
  COUNTER_FROZEN,
  COUNTER_HELD,
  COUNTER_LEARNED,
  COUNTER_LIMIT,
  COUNTER_LOCAL,
  COUNTER_MOVED,
  COUNTER_RECEIVED_DECAP,
  COUNTER_RECEIVED_ENCAP,
  NETWORK_LEARNED,
  NETWORK_STATIC,
  VTEP_COUNTER_BYTES_DECAP,
  VTEP_COUNTER_BYTES_ENCAP,
  VTEP_COUNTER_DROPS_DECAP,
  VTEP_COUNTER_DROPS_ENCAP,
  VTEP_COUNTER_FRAMES_DECAP,
  VTEP_COUNTER_FRAMES_ENCAP,
  VTEP_FLAG_GROUP,
} from "../../dataplane-wasm/layout.js";
import { formatAddress } from "../address.js";
import type { Running } from "../daemon/running.js";
import { networkIndex } from "../tables/records.js";
import type { Network } from "../tables/types.js";
import { type Direction, DROP_LABELS } from "./labels.js";

export interface DirectionReading {
  readonly received: number;
  readonly frames: number;
  readonly bytes: number;
  readonly flooded: number;
  /** By reason; reasons that never happened are left out. */
  readonly dropped: Readonly<Record<string, number>>;
}

export interface NetworkReading {
  /** Undefined: before the network was known. */
  readonly vni: number | undefined;
  readonly name: string | undefined;
  readonly encap: DirectionReading;
  readonly decap: DirectionReading;
  /** Frames from port to port. */
  readonly local: number;
  readonly fdb: { readonly learned: number; readonly static: number };
  readonly events: {
    readonly learned: number;
    readonly moved: number;
    readonly aged: number;
    readonly limit: number;
    readonly frozen: number;
    readonly held: number;
  };
}

export interface VtepReading {
  readonly address: string;
  readonly group: boolean;
  /** Largest packet that the way to it takes, bytes of L3; null: as far as is known, all that the networks take. */
  readonly pathMtu: number | null;
  readonly encap: { readonly frames: number; readonly bytes: number; readonly dropped: number };
  readonly decap: { readonly frames: number; readonly bytes: number; readonly dropped: number };
}

const labelsOf = (wanted: Direction) => DROP_LABELS.filter(({ direction }) => direction === wanted);
const LABELS = { encap: labelsOf("encap"), decap: labelsOf("decap") };

const PORT_LOST = "port_lost";
const PORT_TOO_BIG = "too_big";
const UNDERLAY_LOST = "underlay_lost";

/** One network after the other, then what belongs to none. */
export function* readNetworks(running: Running): Generator<NetworkReading> {
  for (const network of running.tables.networks) yield readNetwork(running, network);
  yield readNetwork(running, undefined);
}

export function readNetwork(running: Running, network: Network | undefined): NetworkReading {
  const { tables, memory } = running;
  const id = network?.id ?? 0;
  const read = (counter: number) => tables.counters.network(id, counter);
  const byPorts = network === undefined ? { lost: 0, tooBig: 0 } : running.ports.readLost(network);
  const lostByUnderlay = network === undefined ? running.underlay.readLost() : 0;
  return {
    vni: network?.spec.vni,
    name: network?.spec.name,
    encap: {
      received: read(COUNTER_RECEIVED_ENCAP) + byPorts.lost + byPorts.tooBig,
      frames: read(COUNTER_FRAMES_ENCAP),
      bytes: read(COUNTER_BYTES_ENCAP),
      flooded: read(COUNTER_FLOODED_ENCAP),
      dropped: readDrops(running, id, "encap", { [PORT_LOST]: byPorts.lost, [PORT_TOO_BIG]: byPorts.tooBig }),
    },
    decap: {
      received: read(COUNTER_RECEIVED_DECAP) + lostByUnderlay,
      frames: read(COUNTER_FRAMES_DECAP),
      bytes: read(COUNTER_BYTES_DECAP),
      flooded: read(COUNTER_FLOODED_DECAP),
      dropped: readDrops(running, id, "decap", { [UNDERLAY_LOST]: lostByUnderlay }),
    },
    local: read(COUNTER_LOCAL),
    fdb: {
      learned: memory.u32[networkIndex(id, NETWORK_LEARNED)],
      static: memory.u32[networkIndex(id, NETWORK_STATIC)],
    },
    events: {
      learned: read(COUNTER_LEARNED),
      moved: read(COUNTER_MOVED),
      aged: read(COUNTER_AGED),
      limit: read(COUNTER_LIMIT),
      frozen: read(COUNTER_FROZEN),
      held: read(COUNTER_HELD),
    },
  };
}

function readDrops(
  { tables }: Running,
  network: number,
  direction: Direction,
  byKernel: Readonly<Record<string, number>>,
): Record<string, number> {
  const dropped: Record<string, number> = {};
  const drops = tables.counters.drops(network);
  for (const { drop, reason } of LABELS[direction]) if (drops[drop] > 0) dropped[reason] = drops[drop];
  for (const [reason, lost] of Object.entries(byKernel)) if (lost > 0) dropped[reason] = (dropped[reason] ?? 0) + lost;
  return dropped;
}

/** Every VTEP that is known, those learned through an allow list's prefix included. */
export function* readVteps(running: Running): Generator<VtepReading> {
  for (const id of running.tables.vteps.ids()) {
    const reading = readVtep(running, id);
    if (reading !== undefined) yield reading;
  }
}

/** Undefined if there is no VTEP of that id. */
export function readVtep({ tables }: Running, id: number): VtepReading | undefined {
  const address = tables.vteps.address(id);
  if (address === undefined) return undefined;
  const read = (counter: number) => tables.counters.vtep(id, counter);
  return {
    address: formatAddress(address),
    group: (tables.vteps.flags(id) & VTEP_FLAG_GROUP) !== 0,
    pathMtu: tables.vteps.pathMtu(id) ?? null,
    encap: {
      frames: read(VTEP_COUNTER_FRAMES_ENCAP),
      bytes: read(VTEP_COUNTER_BYTES_ENCAP),
      dropped: read(VTEP_COUNTER_DROPS_ENCAP),
    },
    decap: {
      frames: read(VTEP_COUNTER_FRAMES_DECAP),
      bytes: read(VTEP_COUNTER_BYTES_DECAP),
      dropped: read(VTEP_COUNTER_DROPS_DECAP),
    },
  };
}
