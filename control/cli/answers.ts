// What the daemon's API answers, as far as the command line shows it.

export interface StatusAnswer {
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  readonly local: string;
  readonly port: number;
  readonly sourcePorts: { readonly min: number; readonly max: number };
  readonly underlay: { readonly driver: string; readonly interface?: string; readonly reason?: string };
  readonly offloads: {
    readonly outerChecksum: boolean;
    readonly features: readonly { readonly feature: string; readonly enabled: boolean; readonly reason?: string }[];
  };
  /** Interfaces that AF_XDP is attached to; absent: an older daemon. */
  readonly xdp?: { readonly interfaces: readonly XdpAnswer[] };
  readonly workers: readonly {
    readonly id: number;
    readonly state: string;
    /** 0 to 1. */
    readonly busyRatio: number;
    /** Frames and datagrams that it took; a super-frame is one. */
    readonly frames: number;
    readonly restarts: number;
  }[];
  readonly networks: number;
  readonly ports: number;
  readonly fdb: { readonly entries: number; readonly capacity: number; readonly frozen: number };
  /** What is wrong now, oldest first. */
  readonly problems: readonly {
    readonly code: string;
    readonly message: string;
    /** ISO 8601, UTC. */
    readonly since: string;
  }[];
}

export interface XdpAnswer {
  readonly name: string;
  /** underlay or port. */
  readonly as: string;
  /** native, generic or closed. */
  readonly mode: string;
  readonly zeroCopy: boolean;
  readonly queues: number;
  /** Why it is closed. */
  readonly fault?: string;
  /** What the other end should do. */
  readonly hint?: string;
}

export interface DirectionAnswer {
  readonly received: number;
  readonly frames: number;
  readonly bytes: number;
  readonly flooded: number;
  /** By reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

export interface StatsAnswer {
  readonly totals: { readonly encap: DirectionAnswer; readonly decap: DirectionAnswer; readonly local: number };
  readonly networks: readonly {
    readonly vni: number;
    readonly name: string;
    readonly encap: DirectionAnswer;
    readonly decap: DirectionAnswer;
    readonly local: number;
  }[];
  readonly vteps: readonly VtepAnswer[];
  readonly drops: readonly {
    /** null: before the network was known. */
    readonly vni: number | null;
    readonly direction: "encap" | "decap";
    readonly reason: string;
    readonly frames: number;
  }[];
  readonly eventsLost: number;
}

interface VtepFrames {
  readonly frames: number;
  readonly bytes: number;
  readonly dropped: number;
}

export interface NetworkAnswer {
  readonly vni: number;
  readonly name: string;
  readonly mtu: number;
  readonly learning: boolean;
  /** Seconds, 0 never. */
  readonly ageing: number;
  readonly innerVlan: "keep" | "drop";
  readonly flood: FloodAnswer;
  /** Absent: the flood list and the static entries' VTEPs. */
  readonly allow?: readonly string[];
  readonly ports: readonly PortAnswer[];
  readonly fdb: { readonly learned: number; readonly static: number };
}

export type FloodAnswer =
  | { readonly mode: "headend"; readonly vteps: readonly string[] }
  | { readonly mode: "multicast"; readonly group: string; readonly ttl: number }
  | { readonly mode: "none" };

export interface PortAnswer {
  readonly name: string;
  readonly driver: string;
  readonly queues: "auto" | number;
  /** Absent: the interface is not vxlane's (xdp). */
  readonly mac?: string;
  readonly persistent: boolean;
  readonly status: {
    /** up, down or deleted. */
    readonly state: string;
    /** Those that it has. */
    readonly queues: number;
  };
}

/** Of a flood list. */
export interface RemoteAnswer {
  readonly address: string;
}

export interface VtepAnswer {
  readonly address: string;
  /** A multicast group. */
  readonly group?: boolean;
  /** Bytes; null: nobody has said that it is narrow. */
  readonly pathMtu: number | null;
  readonly encap: VtepFrames;
  readonly decap: VtepFrames;
}

export interface FdbAnswer {
  readonly mac: string;
  readonly port?: string;
  readonly vtep?: string;
  readonly kind: "learned" | "static";
  /** Seconds since it was last heard. */
  readonly age: number;
  /** It has moved too often and stays where it is. */
  readonly frozen?: true;
}

/** Of a PUT. */
export interface ChangeAnswer {
  /** created, changed or unchanged. */
  readonly result: string;
  /** Legal, but most likely not meant. */
  readonly warnings?: readonly string[];
}

/** Of a flush. */
export interface FlushAnswer {
  /** Entries. */
  readonly removed: number;
}
