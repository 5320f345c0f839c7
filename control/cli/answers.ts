// What the daemon's API answers, as far as the command line shows it.

export interface StatusAnswer {
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  readonly local: string;
  readonly port: number;
  readonly sourcePorts: { readonly min: number; readonly max: number };
  readonly underlay: { readonly driver: string; readonly interface?: string };
  readonly offloads: { readonly outerChecksum: boolean; readonly segmentation: boolean };
  readonly workers: readonly {
    readonly id: number;
    readonly state: string;
    /** 0 to 1. */
    readonly busyRatio: number;
    readonly restarts: number;
  }[];
  readonly networks: number;
  readonly ports: number;
  readonly fdb: { readonly entries: number; readonly capacity: number };
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
  readonly vteps: readonly {
    readonly address: string;
    readonly encap: VtepFrames;
    readonly decap: VtepFrames;
  }[];
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
}

export interface FdbAnswer {
  readonly mac: string;
  readonly port?: string;
  readonly vtep?: string;
  readonly kind: "learned" | "static";
  /** Seconds since it was last heard. */
  readonly age: number;
}
