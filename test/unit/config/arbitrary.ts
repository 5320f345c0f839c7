// Valid configs at random, in their normal form, and the form that a file would have for them.

import fc from "fast-check";
import type { Config, NetworkConfig } from "../../../control/config/types.js";

/** Up to `most` of those characters after a first one. */
const text = (first: string, chars: string, most: number) =>
  fc.string({ unit: fc.constantFrom(...chars), maxLength: most }).map((rest) => first + rest);

const LETTERS = "abcxyzABCXYZ0129._-";
const PATH = `${LETTERS} /:#'"%@~,{}[]`;

interface Underlay {
  readonly local: string;
  /** VTEP i, all different and none of them local. */
  readonly vtep: (i: number) => string;
  readonly group: string;
  readonly prefix: string;
  readonly mtuMax: number;
}

const UNDERLAYS: readonly Underlay[] = [
  {
    local: "10.9.0.1",
    vtep: (i) => `10.8.${i >> 8}.${i & 255}`,
    group: "239.1.1.1",
    prefix: "10.0.0.0/8",
    mtuMax: 65485,
  },
  {
    local: "fd00::1",
    vtep: (i) => `fd00::${(i + 16).toString(16)}`,
    group: "ff05::7",
    prefix: "fd00::/16",
    mtuMax: 65465,
  },
];

export function configs(): fc.Arbitrary<Config> {
  return fc.constantFrom(...UNDERLAYS).chain((underlay) =>
    fc.record({
      local: fc.constant(underlay.local),
      port: fc.integer({ min: 1, max: 65535 }),
      sourcePorts: fc
        .tuple(fc.integer({ min: 1024, max: 65535 }), fc.integer({ min: 1024, max: 65535 }))
        .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) })),
      workers: fc.oneof(fc.constant("auto" as const), fc.integer({ min: 1, max: 64 })),
      reservedBits: fc.constantFrom("ignore", "strict"),
      offloads: fc.constantFrom("auto", "off"),
      busyPoll: fc.nat(1000),
      underlay: fc.record({
        driver: fc.constant("udp" as const),
        // Always there: a multicast network wants it.
        interface: text("u", LETTERS, 14),
        checksum: fc.constantFrom("auto", "on", "off"),
      }),
      fdb: fc.record({
        capacity: fc.integer({ min: 1000, max: 4194304 }),
        damping: fc.record({ moves: fc.nat(100), thaw: fc.nat(65000) }),
      }),
      api: fc.record({ socket: text("/s", PATH, 104).map((path) => `${path}.`) }),
      metrics: fc.record({
        listen: fc.record({ host: fc.constantFrom("127.0.0.1", "::1", "localhost", "0.0.0.0"), port: fc.nat(65535) }),
      }),
      stateDir: text("/s", PATH, 200).map((path) => `${path}.`),
      networks: fc
        .uniqueArray(fc.nat(0xffffff), { maxLength: 6 })
        .chain((vnis) => fc.tuple(...vnis.map((vni, i) => network(underlay, vni, i)))),
    }),
  );
}

function network(underlay: Underlay, vni: number, index: number): fc.Arbitrary<NetworkConfig> {
  const { vtep, group, prefix, mtuMax } = underlay;
  const vteps = fc.uniqueArray(fc.nat(4000), { maxLength: 8 }).map((ids) => ids.map(vtep));
  const macs = fc
    .uniqueArray(fc.nat(0xffffff), { minLength: 8, maxLength: 8 })
    .map((ids) => ids.map((id) => toMac(id)));
  const flood = fc.oneof(
    fc.record({ mode: fc.constant("headend" as const), vteps }),
    fc.record({
      mode: fc.constant("multicast" as const),
      group: fc.constant(group),
      ttl: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ mode: fc.constant("none" as const) }),
  );
  const ports = fc.tuple(macs, fc.nat(4), fc.boolean(), fc.boolean()).map(([addresses, count, hasMac, persistent]) =>
    Array.from({ length: count }, (_, i) => ({
      name: `p${index}-${i}`,
      driver: "tap" as const,
      queues: i % 2 ? ("auto" as const) : i + 1,
      ...(hasMac ? { mac: addresses[i] } : {}),
      persistent,
    })),
  );
  return fc
    .record(
      {
        vni: fc.constant(vni),
        name: text("n", LETTERS, 40).map((name) => `${name}.${index}`),
        mtu: fc.integer({ min: 68, max: mtuMax }),
        learning: fc.boolean(),
        ageing: fc.nat(65000),
        innerVlan: fc.constantFrom("keep" as const, "drop" as const),
        flood,
        allow: fc.constant<string[]>([prefix]),
        ports,
        fdb: fc
          .uniqueArray(fc.nat(0xffffff), { maxLength: 5 })
          .map((ids) => ids.map((id) => ({ mac: toMac(id, "0e"), vtep: vtep(id % 4000) }))),
      },
      { requiredKeys: ["vni", "name", "learning", "ageing", "innerVlan", "flood", "ports", "fdb"] },
    )
    .map((made) => (made.flood.mode === "multicast" ? { ...made, allow: made.allow ?? [prefix] } : made));
}

function toMac(id: number, first = "02"): string {
  return `${first}:00:00:${id
    .toString(16)
    .padStart(6, "0")
    .replace(/(..)(..)(..)/, "$1:$2:$3")}`;
}

/** As it stands in a file: the listening address is one text. */
export function toInput(config: Config): unknown {
  const { host, port } = config.metrics.listen;
  const listen = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return { ...config, metrics: { listen } };
}
