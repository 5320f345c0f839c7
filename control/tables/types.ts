// What the tables are told about networks and ports, and what they keep. Addresses are 16 bytes in wire order, IPv4
// mapped; whoever reads a config or a request has parsed and checked them already.

import type { Prefix } from "../address.js";

export type Flood =
  | { readonly mode: "headend"; readonly vteps: readonly Uint8Array[] }
  | { readonly mode: "multicast"; readonly group: Uint8Array; readonly ttl: number }
  | { readonly mode: "none" };

export interface NetworkSpec {
  readonly vni: number;
  readonly name: string;
  /** Bytes of the largest inner L3 packet. */
  readonly mtu: number;
  readonly learning: boolean;
  /** Seconds, 0 never, at most 65000. */
  readonly ageing: number;
  /** Frames with an inner VLAN tag are dropped, both ways. */
  readonly dropVlan: boolean;
  readonly flood: Flood;
  /** Source VTEPs; absent: the flood list and the VTEPs of static entries. */
  readonly allow?: readonly Prefix[];
}

export interface PortSpec {
  readonly name: string;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Bytes of the largest L3 packet that the interface takes. */
  readonly mtu: number;
}

export interface Port extends PortSpec {
  /** Port id, which is the attachment's id too as long as a port has one attachment. */
  readonly id: number;
  readonly attachment: number;
  readonly network: number;
}

/** Whom a network reaches and hears: made whole, then installed, then dropped when another takes its place. */
export interface Reach {
  /** VTEP ids of the flood list, each held once. */
  readonly floodVteps: readonly number[];
  /** VTEP ids that may send by name, each held once. */
  readonly sources: ReadonlySet<number>;
  /** Prefixes of the allow list that are more than one address. */
  readonly prefixes: readonly Prefix[];
  readonly floodList: number;
  readonly prefixList: number;
}

export interface Network {
  readonly id: number;
  readonly spec: NetworkSpec;
  readonly reach: Reach;
  /** By name. */
  readonly ports: ReadonlyMap<string, Port>;
  /** Static FDB entries by VTEP id. */
  readonly staticVteps: ReadonlyMap<number, number>;
}
