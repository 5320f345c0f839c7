// Tables over a real memory and the built module, with one worker slot whose drivers are the doubles: what a test
// changes in the tables, it sees in the frames that go through.

import { parseAddress, parseMac, parsePrefix } from "../../../control/address.js";
import { compileDataplane, type Dataplane, instantiateDataplane } from "../../../control/dataplane.js";
import { MemoryPorts, MemoryUnderlay } from "../../../control/drivers/memory.js";
import { createMemory, type SharedMemory } from "../../../control/memory.js";
import { contextIndex } from "../../../control/tables/epochs.js";
import { Tables, type TablesOptions } from "../../../control/tables/tables.js";
import type { NetworkSpec, PortSpec } from "../../../control/tables/types.js";
import { Engine } from "../../../control/worker/engine.js";
import * as L from "../../../dataplane-wasm/layout.js";

export const LOCAL = "10.0.0.1";
export const WORKER = 0;

export interface Fixture {
  readonly memory: SharedMemory;
  readonly dataplane: Dataplane;
  readonly tables: Tables;
  readonly ports: MemoryPorts;
  readonly underlay: MemoryUnderlay;
  readonly engine: Engine;
}

export async function createFixture(options: Partial<TablesOptions> = {}): Promise<Fixture> {
  const memory = createMemory();
  const dataplane = await instantiateDataplane(await compileDataplane(), memory.memory);
  const tables = new Tables(memory, dataplane, {
    local: address(LOCAL),
    port: 4789,
    sourcePorts: { min: 49152, max: 65535 },
    outerChecksum: true,
    reservedMask: 0n,
    fdbCapacity: 2048,
    workers: 2,
    fdbSeed: 0x9e3779b97f4a7c15n,
    ...options,
  });
  const ports = new MemoryPorts(memory, WORKER);
  const underlay = new MemoryUnderlay(memory, WORKER);
  return { memory, dataplane, tables, ports, underlay, engine: new Engine(memory, dataplane, WORKER, ports, underlay) };
}

export function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(`${text} is no address`);
  return bytes;
}

export function mac(text: string): Uint8Array {
  const bytes = parseMac(text);
  if (bytes === undefined) throw new Error(`${text} is no MAC`);
  return bytes;
}

interface SpecText {
  readonly vteps?: readonly string[];
  readonly group?: { readonly address: string; readonly ttl: number };
  readonly allow?: readonly string[];
  readonly mtu?: number;
  readonly learning?: boolean;
  readonly ageing?: number;
  readonly dropVlan?: boolean;
}

export function spec(vni: number, text: SpecText = {}): NetworkSpec {
  const { vteps, group, allow, ...rest } = text;
  const headend = { mode: "headend", vteps: (vteps ?? []).map(address) } as const;
  return {
    vni,
    name: `net${vni}`,
    mtu: 1450,
    learning: true,
    ageing: 300,
    dropVlan: false,
    flood: group === undefined ? headend : { mode: "multicast", group: address(group.address), ttl: group.ttl },
    ...(allow === undefined ? {} : { allow: allow.flatMap((prefix) => parsePrefix(prefix) ?? []) }),
    ...rest,
  };
}

export function portSpec(name: string, macText: string): PortSpec {
  return { name, mac: mac(macText), mtu: 1450 };
}

/** What a worker does around its rounds. */
export function setWorker({ memory }: Fixture, state: "asleep" | "running", worker = WORKER): void {
  const running = state === "running";
  const stateIndex = contextIndex(worker, L.CONTEXT_STATE);
  Atomics.store(memory.u32, stateIndex, running ? L.WORKER_STATE_RUNNING : L.WORKER_STATE_ASLEEP);
  if (running) memory.u32[contextIndex(worker, L.CONTEXT_EPOCH)] = memory.u32[L.SYSTEM_EPOCH / 4];
}

/** Lets every burial and every reclaiming happen. */
export function settle({ tables }: Fixture): void {
  for (let n = 0; n < 8; n++) tables.tick(0);
}

/** The flood list that the dataplane sees: attachment ids and VTEP ids. */
export function floodList({ memory }: Fixture, network: number): { attachments: number[]; vteps: number[] } {
  const { u32 } = memory;
  const list = u32[(L.NETWORKS + network * L.NETWORK_SIZE + L.NETWORK_FLOOD_LIST) / 4];
  if (list === 0) return { attachments: [], vteps: [] };
  const attachments = u32[(list + L.FLOOD_ATTACHMENT_COUNT) / 4];
  const ids = (list + L.FLOOD_IDS) / 4;
  const end = ids + attachments + u32[(list + L.FLOOD_VTEP_COUNT) / 4];
  return { attachments: [...u32.slice(ids, ids + attachments)], vteps: [...u32.slice(ids + attachments, end)] };
}

/** The network id of a VNI in the table that decap asks. */
export function networkOf({ memory }: Fixture, vni: number): number {
  return memory.u16[L.VNI_TABLE / 2 + vni];
}

/** An Ethernet frame of 60 bytes for experiments (ethertype 0x88b5). */
export function frame(from: string, to: string, mark = 0): Uint8Array {
  const bytes = new Uint8Array(60).fill(mark, 14);
  bytes.set(mac(to));
  bytes.set(mac(from), 6);
  bytes.set([0x88, 0xb5], 12);
  return bytes;
}

/** A frame with its VXLAN header, as a datagram's payload. */
export function vxlan(vni: number, inner: Uint8Array): Uint8Array {
  return Uint8Array.of(8, 0, 0, 0, vni >>> 16, (vni >>> 8) & 0xff, vni & 0xff, 0, ...inner);
}

/** Sends a frame into a network as a VTEP would; returns the frames that reached ports. */
export function receiveFrom(fixture: Fixture, from: string, vni: number, inner: Uint8Array): Uint8Array[] {
  fixture.underlay.inject({ bytes: vxlan(vni, inner), address: from });
  const before = fixture.ports.sent.length;
  fixture.engine.serveUnderlay(0);
  return fixture.ports.sent.slice(before).map((sent) => sent.frame);
}

/** Sends a frame into a port; returns the VTEPs that it went to, as addresses. */
export function sendInto(fixture: Fixture, port: number, inner: Uint8Array): string[] {
  fixture.ports.inject(port, inner);
  const before = fixture.underlay.sent.length;
  fixture.engine.servePort(port);
  return fixture.underlay.sent.slice(before).map(({ header }) => [...header.slice(30, 34)].join("."));
}

export const BROADCAST = "ff:ff:ff:ff:ff:ff";
