// An interface that AF_XDP is to be attached to, and how it is attached while it is.

import { XSK_FRAME_SHIFT_MAX } from "../../dataplane-wasm/layout.js";
import { VxlaneError } from "../errors.js";
import type { XskLosses } from "../linux/xdp.js";
import { frameShift } from "./xdp-attach.js";
import { NO_LOSSES, type QueueSocket } from "./xdp-queues.js";

/** The kernel hands a frame to XDP without a tag that lies beside it, in either mode, and does not say that there was one. */
const NO_TAGS_BESIDE = "if its other end uses VLANs, run there: ethtool -K DEVICE txvlan off, else their tags are lost";

/** A veth in native mode ends the super-frames of its other end by itself. */
export const NO_SUPER_FRAMES =
  "generic XDP takes no super-frames: if its other end makes them, run there: ethtool -K DEVICE tso off gso off";

/** What is to be attached. */
export interface XdpWanted {
  /** Of the interface. */
  readonly name: string;
  /** Port id; 0: the underlay. */
  readonly port: number;
  /** Of an underlay: the datagrams that are ours. */
  readonly match?: { readonly local: Uint8Array; readonly port: number };
  /** Called with the interface's index and MTU when it has been attached, and when it has another MTU. */
  readonly onOpen?: (ifIndex: number, mtu: number) => void;
}

/** What belongs to an attached interface. */
export interface Open {
  readonly ifIndex: number;
  readonly isNative: boolean;
  readonly linkFd: number;
  readonly programFd: number;
  readonly mapFd: number;
  readonly sockets: readonly QueueSocket[];
  mtu: number;
}

/** As others see it. */
export interface XdpAttachment {
  readonly wanted: XdpWanted;
  /** Why it is not open; undefined while it is. */
  readonly fault: string | undefined;
  readonly ifIndex: number | undefined;
  readonly mtu: number | undefined;
  readonly isNative: boolean;
  readonly isZeroCopy: boolean;
  /** That have a socket. */
  readonly queueCount: number;
}

export class Attachment implements XdpAttachment {
  open: Open | undefined;
  fault: string | undefined;
  /** What the kernel said when it was last to be opened: to explain it takes a look at every process. */
  refusal: { readonly message: string; readonly why: string } | undefined;
  lostByClosed: XskLosses = NO_LOSSES;
  /** Sockets that are taken from the workers, but not closed yet. */
  readonly closing = new Set<QueueSocket>();

  constructor(public wanted: XdpWanted) {}

  get ifIndex(): number | undefined {
    return this.open?.ifIndex;
  }

  get mtu(): number | undefined {
    return this.open?.mtu;
  }

  get isNative(): boolean {
    return this.open?.isNative ?? false;
  }

  get isZeroCopy(): boolean {
    return this.open?.sockets.every(({ isZeroCopy }) => isZeroCopy) ?? false;
  }

  get queueCount(): number {
    return this.open?.sockets.length ?? 0;
  }

  /** Which frames it wants, as a power of two; 0 while it is closed. */
  get wantedShift(): number {
    if (this.open === undefined) return 0;
    try {
      return frameShift(this.wanted.name, this.open.mtu);
    } catch (error) {
      if (error instanceof VxlaneError) return XSK_FRAME_SHIFT_MAX; // larger ones are lost, and counted
      throw error;
    }
  }

  /** For people. */
  describe(): object {
    const { wanted, open, fault } = this;
    const hints = [NO_TAGS_BESIDE, ...(open?.isNative === false ? [NO_SUPER_FRAMES] : [])];
    return {
      name: wanted.name,
      as: wanted.port === 0 ? "underlay" : "port",
      mode: open === undefined ? "closed" : open.isNative ? "native" : "generic",
      zeroCopy: this.isZeroCopy,
      queues: this.queueCount,
      ...(fault === undefined ? {} : { fault }),
      ...(open === undefined || wanted.port === 0 ? {} : { hint: hints.join("; ") }),
    };
  }
}
