// A running daemon as API and metrics see it: what they may ask and do, so that tests can stand in for the rest.

import type { Logger } from "pino";
import type { Config } from "../config/types.js";
import type { SharedMemory } from "../memory.js";
import type { Tables } from "../tables/tables.js";
import type { Offloads } from "./offloads.js";
import type { Overlay } from "./overlay.js";
import type { PortDevices } from "./port-devices.js";
import type { Problems } from "./problems.js";
import type { UnderlaySockets } from "./underlay-sockets.js";
import type { Workers } from "./workers.js";
import type { XdpSockets } from "./xdp-sockets.js";

export interface Running {
  readonly config: Config;
  /** performance.now() when it started. */
  readonly startMs: number;
  readonly memory: SharedMemory;
  readonly tables: Tables;
  readonly workers: Pick<Workers, "count" | "state" | "busyRatio" | "restarts">;
  readonly overlay: Pick<Overlay, "add" | "remove">;
  readonly ports: Pick<PortDevices, "find" | "readLost">;
  readonly underlay: Pick<UnderlaySockets, "readLost"> & {
    /** Why it has this driver, in words; undefined: the config wants it. */
    readonly reason?: string | undefined;
    /** That the driver uses now; undefined: whichever the host's routes lead through. */
    readonly interface?: string | undefined;
  };
  readonly problems: Pick<Problems, "list">;
  readonly xdp?: Pick<XdpSockets, "describe">;
  readonly offloads: Pick<Offloads, "outerChecksum" | "list">;
  readonly log: Logger;
}
