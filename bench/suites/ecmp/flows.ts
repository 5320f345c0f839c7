// Populations of inner flows. Real traffic is not random: clients come in rows of addresses, ports are counted up, servers
// are few. A hash that is good with random tuples may be bad with these.

import { Random } from "./random.js";

export interface Flow {
  /** IPv4, as numbers in host order. */
  readonly src: number;
  readonly dst: number;
  readonly protocol: number;
  readonly srcPort: number;
  readonly dstPort: number;
}

const TCP = 6;
const UDP = 17;
const EPHEMERAL_MIN = 32768;
const EPHEMERAL_COUNT = 28232;

/** `count` flows, all different. */
export type Population = (random: Random, count: number) => Flow[];

/** Clients of a few racks, each on some random port, of one service on a few servers. */
const service: Population = (random, count) => {
  const clients = address(random);
  const servers = address(random);
  return distinct(count, () => ({
    src: (clients + random.below(4096)) >>> 0,
    dst: (servers + random.below(16)) >>> 0,
    protocol: TCP,
    srcPort: EPHEMERAL_MIN + random.below(EPHEMERAL_COUNT),
    dstPort: 443,
  }));
};

/** One pair of hosts, ports counted up: a load generator, a proxy, a storage client. */
const ports: Population = (random, count) => {
  const [src, dst, protocol] = [address(random), address(random), random.below(2) === 0 ? TCP : UDP];
  const first = random.below(EPHEMERAL_COUNT);
  return Array.from({ length: count }, (_, n) => ({
    src,
    dst,
    protocol,
    srcPort: EPHEMERAL_MIN + ((first + n) % EPHEMERAL_COUNT),
    dstPort: 5201 + Math.floor((first + n) / EPHEMERAL_COUNT),
  }));
};

/** Addresses counted up, everything else the same: sensors, phones. */
const hosts: Population = (random, count) => {
  const [first, dst, srcPort] = [address(random), address(random), EPHEMERAL_MIN + random.below(EPHEMERAL_COUNT)];
  return Array.from({ length: count }, (_, n) => ({
    src: (first + n) >>> 0,
    dst,
    protocol: UDP,
    srcPort,
    dstPort: 5683,
  }));
};

/** Everything random. */
const random: Population = (random, count) =>
  distinct(count, () => ({
    src: address(random),
    dst: address(random),
    protocol: random.below(2) === 0 ? TCP : UDP,
    srcPort: random.below(65536),
    dstPort: random.below(65536),
  }));

export const POPULATIONS = { service, ports, hosts, random } as const;
export type PopulationName = keyof typeof POPULATIONS;

/** Some private IPv4 address with room behind it. */
function address(random: Random): number {
  return (0x0a000000 | (random.word() & 0xffff00)) >>> 0;
}

function distinct(count: number, make: () => Flow): Flow[] {
  const flows: Flow[] = [];
  const seen = new Set<number>();
  while (flows.length < count) {
    const flow = make();
    const mark = markOf(flow);
    if (seen.has(mark)) continue;
    seen.add(mark);
    flows.push(flow);
  }
  return flows;
}

/** Of 52 bits: different for different flows, and where it is not, a flow is drawn once more. */
function markOf({ src, dst, protocol, srcPort, dstPort }: Flow): number {
  const addresses = (src ^ Math.imul(dst, 0x9e3779b1)) >>> 0;
  return addresses * 2 ** 20 + ((srcPort ^ (Math.imul(dstPort, 0x9e3779b1) >>> 12) ^ (protocol << 16)) & 0xfffff);
}

/** Seeds of a trial: the same for every contender. */
export function trialRandom(round: number, trial: number): Random {
  return new Random(1 + round * 100_003 + trial);
}
