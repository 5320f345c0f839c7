// The compiled module under fire, for as long as it is given: both directions and whole outer frames, mutated frames and
// noise, streams of flows that work and then do not, descriptors and virtio-net headers that lie, under any set of offloads:
// cut, gathered, coalesced, left whole. It never traps, never writes outside of its slots, and counts every frame once.
//
//   FUZZ_SECONDS   how long in all, 2 unless said; CI says more
//   FUZZ_SEED      of the random numbers, the time unless said

import { expect, it } from "vitest";
import * as L from "../../../dataplane-wasm/layout.js";
import { imbalances } from "../../oracle/counters.js";
import { vxlan } from "../../oracle/decap.js";
import { network, world } from "../../oracle/world.js";
import { ethernet, ipv4, ipv6, udp } from "../../support/frames.js";
import { Mutator, Random, templates } from "../../support/mutate.js";
import { readCounters } from "../../support/readings.js";
import { Stream, streamFrames } from "../../support/streams.js";
import { BROADCAST, HOST_A, HOST_B, HOST_FAR, HOST_OWN, macKey } from "../../support/worlds.js";
import { Range, type Shot } from "./range.js";

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 2);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1e9);
const CHECK_EVERY = 500;
const SWEEP_EVERY = 5000;
const OFFLOADS_EVERY = 100;
const OFFLOADS = [L.OFFLOAD_UDP_SEGMENT, L.OFFLOAD_TUNNEL_GSO, L.OFFLOAD_PORT_TSO, L.OFFLOAD_PORT_USO];
const STREAM_LEN = 4000;

const MACS = [HOST_A, HOST_B, HOST_FAR, HOST_OWN, BROADCAST, "01:00:5e:00:00:01", "02:00:00:00:0d:01"];
const VNIS = [100, 0xabcdef, 0, 5, 77];
const VXLAN_LEN = 8;

function settings(ipv6: boolean) {
  const address = (id: number) => (ipv6 ? `fd99::${id}` : `10.99.0.${id}`);
  return world({
    local: ipv6 ? "fd98::1" : "10.98.0.1",
    outerChecksum: !ipv6,
    fdbCapacity: 3000,
    networks: [
      network({ id: 1, vni: 100, mtu: 600, flood: { attachments: [1, 2, 3], vteps: [1, 2, 3] }, sources: [1, 2, 3] }),
      network({
        id: 7,
        vni: 0xabcdef,
        mtu: 1450,
        learnLimit: 300,
        flood: { attachments: [4], vteps: [2] },
        sources: [2],
      }),
      network({ id: 8, vni: 0, dropVlan: true, flood: { attachments: [5], vteps: [] }, prefixes: ["10.99.7.0/24"] }),
      network({ id: 9, vni: 5, mtu: 68, learning: false, flood: { attachments: [], vteps: [1] }, sources: [1] }),
    ],
    vteps: [1, 2, 3].map((id) => ({ id, address: address(id), ttl: 64 })),
    attachments: [
      ...[1, 2, 3].map((id) => ({ id, network: 1, port: id, mtu: 600 })),
      { id: 4, network: 7, port: 4, mtu: 1450 },
      { id: 5, network: 8, port: 5, mtu: 1450 },
      { id: 6, network: 9, port: 6, mtu: 68 },
    ],
    statics: [
      { network: 1, mac: macKey(HOST_OWN), target: "attachment", id: 1, own: true },
      { network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 },
      { network: 7, mac: macKey(HOST_FAR), target: "drop", id: 0 },
      { network: 8, mac: macKey(HOST_A), target: "attachment", id: 5 },
    ],
  });
}

it.each([
  ["IPv4", false],
  ["IPv6", true],
])("hostile frames over %s for a while", { timeout: SECONDS * 2000 + 60_000 }, async (name, isIpv6) => {
  const random = new Random(SEED + (isIpv6 ? 1 : 0));
  const senders = [1, 2, 3, 9].map((id) => (isIpv6 ? `fd99::${id}` : `10.99.0.${id}`));
  const range = await Range.create(settings(isIpv6), random, [...senders, "10.99.7.7"]);
  const frames = templates(MACS, 1900);
  const datagrams = VNIS.flatMap((vni) => frames.map((frame) => vxlan(vni, frame)));
  const outer = datagrams.flatMap((datagram, i) => {
    const segment = udp({ srcPort: 50_000, dstPort: 4789 }, datagram);
    const headers = { dst: HOST_A, src: HOST_B };
    if (i % 3 !== 0) return [];
    return isIpv6
      ? [ethernet(headers, ipv6({ src: senders[i % 4], dst: "fd98::1" }, segment))]
      : [ethernet(headers, ipv4({ src: senders[i % 4], dst: "10.98.0.1" }, segment))];
  });
  const out = streamFrames(SEED + 7, STREAM_LEN, { src: HOST_OWN, dst: HOST_FAR });
  const back = streamFrames(SEED + 8, STREAM_LEN, { src: HOST_FAR, dst: HOST_OWN }).map((frame) => vxlan(100, frame));
  const shots: Shot[] = [
    { direction: "encap", lead: 0, flags: 0, source: new Mutator(SEED + 2, frames) },
    { direction: "decap", lead: VXLAN_LEN, flags: 0, source: new Mutator(SEED + 3, datagrams) },
    { direction: "decap", lead: 70, flags: L.DESC_FLAG_OUTER, source: new Mutator(SEED + 4, outer) },
    { direction: "encap", lead: 0, flags: 0, source: new Stream(SEED + 5, out), isSteady: true },
    { direction: "decap", lead: VXLAN_LEN, flags: 0, source: new Stream(SEED + 6, back), isSteady: true },
    { direction: "encap", lead: 0, flags: 0, source: new Stream(SEED + 9, out), isSteady: true, isSuper: true },
  ];

  const end = performance.now() + (SECONDS * 1000) / 2;
  let batches = 0;
  try {
    for (; performance.now() < end; batches++) {
      range.shoot(shots[batches % shots.length]);
      if (batches % CHECK_EVERY === 0) {
        range.checkFrozen();
        range.engine.clock = Math.floor(batches / CHECK_EVERY);
      }
      // A worker may find at any time that the kernel takes no more of something.
      if (batches % OFFLOADS_EVERY === 0) {
        const bits = OFFLOADS.reduce((set, bit) => (random.below(3) === 0 ? set : set | bit), 0);
        range.engine.view.setUint32(L.SYSTEM_OFFLOADS, bits, true);
      }
      if (batches % SWEEP_EVERY === 0) range.engine.dataplane.fdbSweep(L.WORKER_CONTROL, 0, 4096);
    }
    range.checkFrozen();
  } catch (error) {
    throw new Error(`FUZZ_SEED=${SEED}, batch ${batches}`, { cause: error });
  }
  const counters = readCounters(range.engine);
  expect(imbalances(counters)).toEqual([]);
  const received = Object.entries(counters).filter(([key]) => /received(En|De)cap$/.test(key));
  const total = received.reduce((sum, [, count]) => sum + count, 0);
  expect(total, "frames counted as received, super-frames as their segments").toBeGreaterThanOrEqual(range.frames);
  // The fire hits: nearly every way out of both loops was taken.
  const seen = new Set(Object.keys(counters).map((key) => key.replace(/^network \d+ /, "")));
  const missed = Object.keys(EXPECTED).filter((key) => !seen.has(key));
  expect(missed, "counters that never moved").toEqual([]);
  const { train, coalesced, tunnel } = range.seen;
  expect(Math.min(train, coalesced, tunnel), "frames in trains, coalesced, and left whole").toBeGreaterThan(0);
  const made = `${range.outputs} outputs (${train} datagrams in trains, ${coalesced} coalesced, ${tunnel} whole)`;
  process.stderr.write(`fuzz over ${name}: ${range.frames} frames, ${made}, seed ${SEED}\n`);
});

const DECAP =
  "Fragment Truncated BadChecksum VtepNotAllowed FlagIClear UnknownVni VtepNotInNetwork InnerShort SourceMacInvalid " +
  "SourceMacOwn Ecn SplitHorizon TooBig PortFull PortDown SendError Filtered";
const ENCAP = "InnerShort SourceMacInvalid InnerVlan SamePort TooBig UnderlayFull PortFull SendError PortDown Filtered";
const EXPECTED = Object.fromEntries([
  ...DECAP.split(" ").map((label) => [`drop Decap${label}`, true]),
  ...ENCAP.split(" ").map((label) => [`drop Encap${label}`, true]),
  ...["framesEncap", "framesDecap", "local", "floodedEncap", "floodedDecap", "learned", "moved", "icmp"].map(
    (label) => [label, true],
  ),
]);
