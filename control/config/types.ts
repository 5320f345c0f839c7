// The config after reading: every default filled in, every address in its one spelling, every rule checked. The
// daemon sees nothing else, so it never has to ask whether a value is present or sane.
//
// Addresses are IPv4 dotted or IPv6 as RFC 5952 writes it; MACs are lower case with colons; prefixes always carry
// their length. All addresses of one config are of one family.

export interface Config {
  /** This VTEP's underlay address. */
  local: string;
  /** UDP destination port, sent to and listened on. */
  port: number;
  /** Outer source ports, both inclusive. */
  sourcePorts: { min: number; max: number };
  /** `auto`: the daemon chooses by the CPUs that it may use. */
  workers: "auto" | number;
  /** VXLAN bits that RFC 7348 reserves: ignored on receipt, or the frame is dropped as `reserved_bits`. */
  reservedBits: "ignore" | "strict";
  /** What the kernel may leave unfinished or do for many frames at once: all that it offers, or nothing. */
  offloads: "auto" | "off";
  /** Microseconds that a worker looks for more before it sleeps; 0: it sleeps at once. */
  busyPoll: number;
  underlay: { driver: UnderlayDriverName; interface?: string; checksum: "auto" | "on" | "off" };
  fdb: {
    /** Entries, learned and static, of all networks together. */
    capacity: number;
    /** A MAC that moves so often in 180 seconds freezes, 0 never; for so many seconds, 0 until somebody thaws it. */
    damping: { moves: number; thaw: number };
  };
  /** Absolute path of the unix socket. */
  api: { socket: string };
  /** Port 0 takes a free one. */
  metrics: { listen: { host: string; port: number } };
  /** Absolute path of a directory. */
  stateDir: string;
  networks: NetworkConfig[];
}

/** `auto`: the best one that works on this host. */
export type UnderlayDriverName = "udp" | "tap" | "xdp" | "auto";
export type PortDriverName = "tap" | "xdp";

export interface NetworkConfig {
  /** 0 to 16777215. */
  vni: number;
  name: string;
  /** Bytes of the largest inner L3 packet. Absent: underlay MTU - 50, or - 70 over IPv6. */
  mtu?: number;
  learning: boolean;
  /** Seconds, 0 never, at most 65000. */
  ageing: number;
  innerVlan: "keep" | "drop";
  flood: FloodConfig;
  /** Source VTEPs as `address/length`. Absent: the flood list and the VTEPs of `fdb`. */
  allow?: string[];
  ports: PortConfig[];
  fdb: StaticEntry[];
}

export type FloodConfig =
  | { mode: "headend"; vteps: string[] }
  | { mode: "multicast"; group: string; ttl: number }
  | { mode: "none" };

export interface PortConfig {
  /** Of the interface, 1 to 15 bytes. */
  name: string;
  driver: PortDriverName;
  /** `auto`: one a worker. */
  queues: "auto" | number;
  /** Absent: the kernel's random one. */
  mac?: string;
  /** The interface outlives the daemon. */
  persistent: boolean;
}

/** Exactly one of `vtep` and `port`; `port` is a port of the same network. */
export interface StaticEntry {
  mac: string;
  vtep?: string;
  port?: string;
}
