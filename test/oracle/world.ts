// The configuration that both sides of a comparison get: the oracle reads it, the engine harness writes it into the
// shared memory.

export interface World {
  /** This VTEP's underlay address. Its family is that of all VTEPs. */
  readonly local: string;
  readonly udpPort: number;
  readonly sourcePorts: { readonly min: number; readonly max: number };
  /** Outer UDP checksum over IPv4; over IPv6 it is always there (RFC 8200 section 8.1). */
  readonly outerChecksum: boolean;
  /** Bits of the VXLAN header that must be 0, in wire order as a number; 0n ignores them, as the RFC says. */
  readonly reservedMask: bigint;
  /** Datagrams leave as trains where they can: OFFLOAD_UDP_SEGMENT. */
  readonly trains: boolean;
  /** Super-frames for one VTEP leave whole: OFFLOAD_TUNNEL_GSO. */
  readonly tunnelGso: boolean;
  readonly fdbCapacity: number;
  /** A power of two. From 32,768 on the batch functions touch all buckets of a batch first. */
  readonly fdbBuckets: number;
  readonly networks: readonly WorldNetwork[];
  readonly vteps: readonly WorldVtep[];
  readonly attachments: readonly WorldAttachment[];
  readonly statics: readonly WorldStatic[];
}

export interface WorldNetwork {
  readonly id: number;
  readonly vni: number;
  readonly mtu: number;
  readonly learning: boolean;
  /** Seconds; 0: never. */
  readonly ageing: number;
  readonly dropVlan: boolean;
  readonly learnLimit: number;
  readonly generation: number;
  readonly flood: { readonly attachments: readonly number[]; readonly vteps: readonly number[] };
  /** Ids of VTEPs that may send into the network. */
  readonly sources: readonly number[];
  /** Prefixes of source addresses that may send into it. */
  readonly prefixes: readonly string[];
}

export interface WorldVtep {
  readonly id: number;
  readonly address: string;
  readonly ttl: number;
  /** Bytes of the largest inner frame that its path takes; absent: any. */
  readonly frameMax?: number;
  /** For raw drivers; absent: the outer Ethernet addresses are zero. */
  readonly nextHop?: { readonly dst: string; readonly src: string };
}

export interface WorldAttachment {
  readonly id: number;
  readonly network: number;
  readonly port: number;
  readonly mtu: number;
}

export interface WorldStatic {
  readonly network: number;
  readonly mac: string;
  readonly target: "attachment" | "vtep" | "drop";
  readonly id: number;
  /** The MAC of one of our own ports. */
  readonly own?: boolean;
}

export function network(fields: Partial<WorldNetwork> & { id: number; vni: number }): WorldNetwork {
  return {
    mtu: 1450,
    learning: true,
    ageing: 300,
    dropVlan: false,
    learnLimit: 0,
    generation: 0,
    flood: { attachments: [], vteps: [] },
    sources: [],
    prefixes: [],
    ...fields,
  };
}

export function world(fields: Partial<World>): World {
  return {
    local: "10.99.0.1",
    udpPort: 4789,
    sourcePorts: { min: 49152, max: 65535 },
    outerChecksum: true,
    reservedMask: 0n,
    trains: false,
    tunnelGso: false,
    fdbCapacity: 4096,
    fdbBuckets: 4096,
    networks: [],
    vteps: [],
    attachments: [],
    statics: [],
    ...fields,
  };
}
