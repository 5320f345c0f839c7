// Random runs: a few hosts behind ports and VTEPs, both directions, moves, freezing, ageing, a flush, failing sends. After every
// run the engine and the oracle agree on each output, counter, FDB entry and event, and the counters balance.

import fc from "fast-check";
import { describe, it } from "vitest";
import { SEND_DOWN, SEND_ERROR, SEND_FULL, SEND_OK, SEND_TOO_BIG } from "../../../dataplane-wasm/layout.js";
import { vxlan } from "../../oracle/decap.js";
import type { Output } from "../../oracle/encap.js";
import { network, type World, world } from "../../oracle/world.js";
import * as flows from "../../support/flows.js";
import { Pair } from "../../support/pair.js";
import { BROADCAST, macKey } from "../../support/worlds.js";

const HOSTS = Array.from({ length: 12 }, (_, i) => `02:00:00:00:00:${(i + 16).toString(16)}`);
const PINNED_PORT = "02:00:00:00:01:01";
const PINNED_VTEP = "02:00:00:00:01:02";
const BLACKHOLE = "02:00:00:00:01:03";
const OWN = "02:00:00:00:01:04";
const SPECIAL = [PINNED_PORT, PINNED_VTEP, BLACKHOLE, OWN, "00:00:00:00:00:00", BROADCAST, "01:00:5e:00:00:05"];
const UNKNOWN_SENDERS = ["10.99.7.7", "10.99.9.9"];

function settings(ipv6: boolean, checksum: boolean): World {
  const address = (id: number) => (ipv6 ? `fd99::${id}` : `10.99.0.${id}`);
  return world({
    local: ipv6 ? "fd98::1" : "10.98.0.1",
    outerChecksum: checksum,
    sourcePorts: { min: 20000, max: 29999 },
    fdbCapacity: 20,
    fdbBuckets: ipv6 ? 32768 : 4096, // the large one has a stage of its own
    networks: [
      network({ id: 1, vni: 100, mtu: 300, flood: { attachments: [1, 2, 3], vteps: [1, 2, 3] }, sources: [1, 2, 3] }),
      network({
        id: 7,
        vni: 0xabcdef,
        mtu: 400,
        learnLimit: 3,
        flood: { attachments: [4, 5], vteps: [2] },
        sources: [2],
      }),
      network({ id: 300, vni: 0, dropVlan: true, flood: { attachments: [6], vteps: [] }, prefixes: ["10.99.7.0/24"] }),
      network({ id: 301, vni: 5, learning: false, flood: { attachments: [], vteps: [1, 4] }, sources: [1] }),
    ],
    vteps: [1, 2, 3, 4].map((id) => ({
      id,
      address: address(id),
      ttl: 60 + id,
      ...(id === 3 ? { frameMax: 200 } : {}),
    })),
    attachments: [
      ...[1, 2, 3].map((id) => ({ id, network: 1, port: id, mtu: 300 })),
      ...[4, 5].map((id) => ({ id, network: 7, port: id, mtu: 400 })),
      { id: 6, network: 300, port: 6, mtu: 1450 },
      { id: 7, network: 301, port: 7, mtu: 1450 },
    ],
    statics: [1, 7, 300, 301]
      .flatMap((id) => [
        {
          network: id,
          mac: macKey(PINNED_PORT),
          target: "attachment" as const,
          id: { 1: 2, 7: 5, 300: 6, 301: 7 }[id] ?? 0,
        },
        { network: id, mac: macKey(PINNED_VTEP), target: "vtep" as const, id: 2 },
      ])
      .concat([{ network: 1, mac: macKey(OWN), target: "attachment" as const, id: 1 }]),
  });
}

/** `world` has no way to say both; the last entry is our own port's, and one more is a drop. */
function withSpecials(base: World): World {
  const statics = base.statics.map((entry) => (entry.mac === macKey(OWN) ? { ...entry, own: true } : entry));
  return { ...base, statics: [...statics, { network: 1, mac: macKey(BLACKHOLE), target: "drop", id: 0 }] };
}

const mac = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...HOSTS) }, fc.constantFrom(...SPECIAL));
const frame = flows.frame(350, mac, mac);

const encapStep = fc
  .array(fc.record({ attachment: fc.integer({ min: 1, max: 7 }), frame }), { minLength: 1, maxLength: 12 })
  .map((inputs) => ({ inputs }));

const datagrams = (ipv6: boolean) => {
  const sender = ipv6
    ? fc.constantFrom("fd99::1", "fd99::2", "fd99::3", "fd99::4", "fd99::77")
    : fc.constantFrom("10.99.0.1", "10.99.0.2", "10.99.0.3", "10.99.0.4", ...UNKNOWN_SENDERS);
  const vni = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(100, 0xabcdef, 0, 5) }, fc.nat(0xffffff));
  const flags = fc.oneof({ weight: 8, arbitrary: fc.constant(8) }, fc.nat(255));
  const one = fc
    .record({
      frame,
      from: sender,
      vni,
      flags,
      tos: fc.nat(255),
      fragment: fc.oneof({ weight: 20, arbitrary: fc.constant(false) }, fc.boolean()),
      cut: fc.oneof({ weight: 10, arbitrary: fc.constant(65535) }, fc.nat(40)),
    })
    .map(({ frame, from, vni, flags, tos, fragment, cut }) => {
      return { datagram: vxlan(vni, frame, flags).subarray(0, cut), from, tos, fragment };
    });
  return fc.array(one, { minLength: 1, maxLength: 12 }).map((datagrams) => ({ datagrams }));
};

const clockStep = fc.constantFrom(1, 50, 100, 200, 300, 400, 65536 + 10).map((advance) => ({ advance }));

const flushStep = fc.constantFrom(1, 7, 300).map((flush) => ({ flush }));

const freezeStep = fc.record({
  network: fc.constantFrom(1, 7, 300, 301),
  freeze: fc.constantFrom(...HOSTS, PINNED_VTEP),
  frozen: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
});

/** Sends fail by what is sent, so that both sides see the same failures. */
function sender(seed: number): (output: Output) => number {
  if (seed % 3 !== 0) return () => SEND_OK;
  const results = [SEND_OK, SEND_FULL, SEND_DOWN, SEND_TOO_BIG, SEND_ERROR];
  return (output) => results[(output.target * 7 + output.origin * 3 + output.payload.length + seed) % results.length];
}

describe.each([
  ["IPv4", false, true],
  ["IPv4 without outer checksums", false, false],
  ["IPv6", true, false],
] as const)("random traffic over %s", (_name, ipv6, checksum) => {
  it("is what the oracle says, and balances", async () => {
    const base = withSpecials(settings(ipv6, checksum));
    const step = fc.oneof(
      { weight: 5, arbitrary: encapStep },
      { weight: 5, arbitrary: datagrams(ipv6) },
      { weight: 2, arbitrary: clockStep },
      { weight: 1, arbitrary: flushStep },
      { weight: 3, arbitrary: freezeStep },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), fc.nat(1000), async (steps, seed) => {
        const pair = await Pair.create(base);
        let clock = 65000;
        pair.clock = clock;
        for (const [i, each] of steps.entries()) {
          if ("inputs" in each) pair.encap(each.inputs, sender(seed + i));
          else if ("flush" in each) pair.flush(each.flush);
          else if ("freeze" in each) pair.freeze(each.network, macKey(each.freeze), each.frozen);
          else if ("datagrams" in each) pair.decap(each.datagrams, sender(seed + i));
          else {
            clock += each.advance;
            pair.clock = clock;
            pair.sweep();
          }
        }
        pair.settle();
      }),
      { numRuns: 60 },
    );
  });
});
