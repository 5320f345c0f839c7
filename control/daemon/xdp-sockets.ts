// The AF_XDP sockets of all workers: every queue of every interface that is attached (the underlay's, and ports of others) has one, and the
// queues are shared out over the workers. A worker's sockets share its frames, so what comes in by one leaves by another as it lies.
//
// What is wanted and what is open are two things. An interface that goes, comes back, or changes its MTU beyond the frames in use is closed
// and opened again as soon as it can be; `reconcile` does so, a few times a second. While the underlay has no sockets the
// udp driver serves it, and nothing is lost but speed.
//
// Closing goes in steps, because a worker may be in the middle of a ring: its epoll set, then an epoch, then the socket and the
// mapping, then the worker takes the frames back. Only then its slot and, if it was the last, its frames are free for others.

import {
  PORT_QUEUE_INTERFACE,
  PORT_QUEUE_XSK,
  XSK,
  XSK_FRAME_SHIFT,
  XSK_FRAME_SHIFT_MAX,
  XSK_KERNEL_HEADROOM,
  XSK_RING_CONSUMER,
  XSK_RING_PRODUCER,
  XSK_RINGS,
  XSK_RX,
  XSK_SIZE,
  XSK_SOCKET_CLOSED,
  XSK_SOCKET_CLOSING,
  XSK_SOCKET_DOWN,
  XSK_SOCKET_FD,
  XSK_SOCKET_FREE,
  XSK_SOCKET_IFINDEX,
  XSK_SOCKET_OPEN,
  XSK_SOCKET_PORT,
  XSK_SOCKET_RINGS_SIZE,
  XSK_SOCKET_SIZE,
  XSK_SOCKET_STATE,
  XSK_SOCKETS,
  XSK_SOCKETS_MAX,
  XSK_STATE,
  XSK_TX,
} from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import { xskPortToken } from "../drivers/xdp-ports.js";
import { VxlaneError } from "../errors.js";
import { updateMap } from "../linux/bpf.js";
import { EBUSY, EINVAL, EOPNOTSUPP } from "../linux/errno.js";
import { closeFd, EPOLL_PORT, EPOLL_UNDERLAY, epollAdd, epollRemove, SyscallError } from "../linux/index.js";
import { findLink, type Link, withNetlink } from "../linux/links.js";
import { openXsk, readXskLosses, unmapRings, type Xsk } from "../linux/xdp.js";
import { loadRedirect } from "../linux/xdp-programs.js";
import type { SharedMemory } from "../memory.js";
import type { Epochs } from "../tables/epochs.js";
import { storePortQueues } from "../tables/records.js";
import type { Workers } from "./workers.js";
import { attachProgram, explainXdp, frameShift } from "./xdp-attach.js";
import { countFrames, type FrameCounts } from "./xdp-frames.js";

/* Our choices: a queue that a socket has just left is free a moment later. */
const BUSY_TRIES = 40;
const BUSY_WAIT_MS = 5;

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

interface Socket extends Pick<Xsk, "fd" | "isZeroCopy"> {
  readonly worker: number;
  readonly slot: number;
  readonly token: readonly [kind: number, id: number];
}

interface Open {
  readonly ifIndex: number;
  readonly isNative: boolean;
  readonly linkFd: number;
  readonly programFds: readonly number[];
  readonly sockets: readonly Socket[];
  mtu: number;
}

/** An interface that is, or is to be, attached. */
export interface XdpAttachment {
  readonly wanted: XdpWanted;
  /** Why it is not open; undefined while it is. */
  readonly fault: string | undefined;
  readonly ifIndex: number | undefined;
  readonly mtu: number | undefined;
  readonly isNative: boolean;
  readonly isZeroCopy: boolean;
}

class Attachment implements XdpAttachment {
  open: Open | undefined;
  fault: string | undefined;
  lostByClosed = 0;

  constructor(readonly wanted: XdpWanted) {}

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
}

export class XdpSockets {
  readonly #memory: SharedMemory;
  readonly #dataplane: Dataplane;
  readonly #workers: Pick<Workers, "count" | "epoll" | "wake">;
  readonly #epochs: Epochs;
  readonly #attachments = new Set<Attachment>();
  readonly #isNative: boolean;
  #zeroCopy: boolean;

  /** @param isNative false: generic XDP and copies, whatever the interfaces offer */
  constructor(
    memory: SharedMemory,
    dataplane: Dataplane,
    workers: Pick<Workers, "count" | "epoll" | "wake">,
    epochs: Epochs,
    isNative = true,
  ) {
    this.#memory = memory;
    this.#dataplane = dataplane;
    this.#workers = workers;
    this.#epochs = epochs;
    this.#isNative = isNative;
    this.#zeroCopy = isNative;
  }

  all(): Iterable<XdpAttachment> {
    return this.#attachments;
  }

  /**
   * Attaches an interface. If it needs larger frames than those in use, it is opened by a later `reconcile`.
   * @throws VxlaneError ERR_HOST_INTERFACE, ERR_HOST_MTU, ERR_LIMIT, ERR_PRIVILEGE with the remedy
   */
  attach(wanted: XdpWanted): XdpAttachment {
    const attachment = new Attachment(wanted);
    const { mtu } = this.#linkOf(wanted.name);
    const shift = frameShift(wanted.name, mtu);
    this.#attachments.add(attachment);
    try {
      if (this.#anyOpen() && shift > this.#shift(0)) this.#closeAll();
      else this.#open(attachment);
      return attachment;
    } catch (error) {
      this.#attachments.delete(attachment);
      throw error;
    }
  }

  detach(attachment: XdpAttachment): void {
    for (const known of this.#attachments) {
      if (known !== attachment) continue;
      this.#attachments.delete(known);
      this.#close(known);
    }
  }

  /** Frames that the kernel could not hand over since it was attached. */
  readLost(attachment: XdpAttachment): number {
    if (!(attachment instanceof Attachment)) return 0;
    const open = attachment.open?.sockets ?? [];
    return open.reduce((sum, { fd }) => sum + lossesOf(fd), attachment.lostByClosed);
  }

  /** For people: what is attached how, and where the frames are. */
  describe(): { interfaces: object[]; frames: FrameCounts[] } {
    const interfaces = [...this.#attachments].map(({ wanted, open, fault, isNative, isZeroCopy }) => ({
      name: wanted.name,
      as: wanted.port === 0 ? "underlay" : "port",
      mode: open === undefined ? "closed" : isNative ? "native" : "generic",
      zeroCopy: isZeroCopy,
      queues: open?.sockets.length ?? 0,
      ...(fault === undefined ? {} : { fault }),
    }));
    const workers = Array.from({ length: this.#workers.count }, (_, worker) => worker);
    return { interfaces, frames: workers.flatMap((worker) => countFrames(this.#memory, worker) ?? []) };
  }

  /** Brings what is open to what is wanted. To be called a few times a second. */
  reconcile(): void {
    const closed = [...this.#attachments].filter(
      (attachment) => attachment.open !== undefined && !this.#follow(attachment, attachment.open),
    );
    const wanted = Math.max(0, ...[...this.#attachments].map((attachment) => this.#wantedShift(attachment)));
    if (wanted > this.#shift(0) && this.#anyOpen()) this.#closeAll();
    for (const attachment of this.#attachments) {
      // What has just gone is opened by the next call: others, such as next hops, take note of it meanwhile.
      if (attachment.open !== undefined || closed.includes(attachment)) continue;
      try {
        this.#open(attachment);
      } catch (error) {
        attachment.fault = error instanceof Error ? error.message : String(error);
      }
    }
  }

  /** Closes everything at once. The workers must have stopped. */
  closeAll(): void {
    for (const attachment of [...this.#attachments]) {
      this.#attachments.delete(attachment);
      const { open } = attachment;
      attachment.open = undefined;
      if (open === undefined) continue;
      for (const socket of open.sockets) this.#closeSocket(attachment, socket);
      for (const fd of [open.linkFd, ...open.programFds]) closeFd(fd);
    }
  }

  /** Notices that an interface has another MTU; false: or that it went. */
  #follow(attachment: Attachment, open: Open): boolean {
    const { name, onOpen } = attachment.wanted;
    const link = withNetlink(undefined, (netlink) => findLink(netlink, name));
    if (link?.index !== open.ifIndex) {
      attachment.fault = link === undefined ? `there is no interface ${name}` : `${name} is another interface now`;
      this.#close(attachment);
      return false;
    }
    if (link.mtu !== open.mtu) {
      open.mtu = link.mtu;
      onOpen?.(link.index, link.mtu);
    }
    return true;
  }

  #wantedShift({ wanted: { name }, open }: Attachment): number {
    if (open === undefined) return 0;
    try {
      return frameShift(name, open.mtu);
    } catch (error) {
      if (error instanceof VxlaneError) return XSK_FRAME_SHIFT_MAX; // larger ones are lost, and counted
      throw error;
    }
  }

  #anyOpen(): boolean {
    return [...this.#attachments].some(({ open }) => open !== undefined);
  }

  #closeAll(): void {
    for (const attachment of this.#attachments) {
      attachment.fault = "waits for larger frames";
      this.#close(attachment);
    }
  }

  #linkOf(name: string): Link {
    const link = withNetlink(undefined, (netlink) => findLink(netlink, name));
    if (link === undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `there is no interface ${name} to attach to`);
    return link;
  }

  #open(attachment: Attachment): void {
    const { wanted } = attachment;
    const link = this.#linkOf(wanted.name);
    const shift = frameShift(wanted.name, link.mtu);
    if (!this.#prepareFrames(shift)) {
      attachment.fault = "waits for its frames";
      return;
    }
    const frameMax = 2 ** this.#shift(0) - XSK_KERNEL_HEADROOM;
    const undo: (() => void)[] = [];
    try {
      const { match } = wanted;
      const { programFd, mapFd } = loadRedirect(match && { ...match, frameMax });
      undo.push(
        () => closeFd(programFd),
        () => closeFd(mapFd),
      );
      const sockets = this.#openSockets(wanted, link.index, (socket) => {
        undo.push(() => this.#closeSocket(attachment, socket));
      });
      for (const [queue, { fd }] of sockets.entries()) updateMap(mapFd, intBytes(queue), intBytes(fd));
      const { linkFd, isNative } = attachProgram(wanted.name, programFd, link.index, this.#isNative);
      attachment.open = {
        ifIndex: link.index,
        isNative,
        linkFd,
        programFds: [programFd, mapFd],
        sockets,
        mtu: link.mtu,
      };
      attachment.fault = undefined;
    } catch (error) {
      for (const step of undo.reverse()) step();
      if (this.#zeroCopy && error instanceof SyscallError && error.errno === EOPNOTSUPP) {
        // Its driver cannot write into frames that another one's driver writes: then none does.
        this.#zeroCopy = false;
        this.#closeAll();
        attachment.fault = "waits for frames without zero copy";
        return;
      }
      throw explainXdp(error, wanted.name);
    }
    this.#connect(attachment);
    wanted.onOpen?.(link.index, link.mtu);
  }

  /** Makes the workers' frames of that size if they have none, or smaller ones that nobody uses. False: not yet. */
  #prepareFrames(shift: number): boolean {
    if (this.#shift(0) >= shift) return true;
    for (let worker = 0; worker < this.#workers.count; worker++) {
      for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
        if (this.#slotState(worker, slot) !== XSK_SOCKET_FREE) return false;
      }
    }
    for (let worker = 0; worker < this.#workers.count; worker++) this.#dataplane.xskInitialise(worker, shift);
    return true;
  }

  #openSockets({ name, port }: XdpWanted, ifIndex: number, onOpen: (socket: Socket) => void): Socket[] {
    const sockets: Socket[] = [];
    for (let queue = 0; ; queue++) {
      const worker = queue % this.#workers.count;
      const slot = this.#freeSlot(worker);
      if (slot < 0) {
        const most = `a worker has room for ${XSK_SOCKETS_MAX} queues of XDP interfaces`;
        throw new VxlaneError("ERR_LIMIT", `${name}: ${most}: use more workers, or fewer queues (ethtool -L ${name})`);
      }
      const xsk = this.#openQueue(ifIndex, queue, worker, slot);
      if (xsk === undefined) return sockets;
      const token: [number, number] =
        port === 0 ? [EPOLL_UNDERLAY, PORT_QUEUE_XSK | slot] : [EPOLL_PORT, xskPortToken(port, slot)];
      const socket = { fd: xsk.fd, isZeroCopy: xsk.isZeroCopy, worker, slot, token };
      this.#writeRecord(socket, xsk, ifIndex, port);
      sockets.push(socket);
      onOpen(socket);
    }
  }

  /** Undefined: there is no such queue. */
  #openQueue(ifIndex: number, queue: number, worker: number, slot: number): Xsk | undefined {
    const umemPtr = XSK + worker * XSK_SIZE;
    const options = {
      ifIndex,
      queue,
      umemPtr,
      frameSize: 2 ** this.#shift(worker),
      ringsPtr: umemPtr + XSK_RINGS + slot * XSK_SOCKET_RINGS_SIZE,
      ringsSize: XSK_SOCKET_RINGS_SIZE,
      zeroCopy: this.#zeroCopy,
      ...this.#sharedFd(worker),
    };
    for (let tries = 1; ; tries++) {
      try {
        return openXsk(this.#memory, options);
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        if (error.errno === EINVAL && queue > 0 && error.call.startsWith("bind")) return undefined;
        if (error.errno !== EBUSY || tries === BUSY_TRIES) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_WAIT_MS);
      }
    }
  }

  #sharedFd(worker: number): { sharedFd?: number } {
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      const record = this.#record(worker, slot);
      if (this.#memory.u32[record + XSK_SOCKET_STATE / 4] !== XSK_SOCKET_OPEN) continue;
      return { sharedFd: this.#memory.i32[record + XSK_SOCKET_FD / 4] };
    }
    return {};
  }

  /** From here on the worker knows the socket; nothing leads to it yet. */
  #writeRecord({ fd, worker, slot }: Socket, { rings }: Xsk, ifIndex: number, port: number): void {
    const { u32, i32 } = this.#memory;
    const record = this.#record(worker, slot);
    i32[record + XSK_SOCKET_FD / 4] = fd;
    u32[record + XSK_SOCKET_IFINDEX / 4] = ifIndex;
    u32[record + XSK_SOCKET_PORT / 4] = port;
    u32[record + XSK_SOCKET_DOWN / 4] = 0;
    u32.set(rings, record + XSK_RX / 4);
    Atomics.store(u32, record + XSK_SOCKET_STATE / 4, XSK_SOCKET_OPEN);
  }

  #connect({ wanted: { port }, open }: Attachment): void {
    if (open === undefined) return;
    const { count } = this.#workers;
    const queues = Array.from({ length: count }, (_, worker) => {
      const own = open.sockets.find((socket) => socket.worker === worker);
      if (own !== undefined) return PORT_QUEUE_XSK | own.slot;
      return port === 0 ? 0 : PORT_QUEUE_INTERFACE | open.ifIndex;
    });
    storePortQueues(this.#memory, port, queues);
    for (const { worker, fd, token } of open.sockets) {
      epollAdd(this.#workers.epoll(worker), fd, ...token);
      this.#workers.wake(worker);
    }
  }

  #close(attachment: Attachment): void {
    const { open } = attachment;
    attachment.open = undefined;
    if (open === undefined) return;
    // The program first: what comes from now on is the host's.
    for (const fd of [open.linkFd, ...open.programFds]) closeFd(fd);
    storePortQueues(this.#memory, attachment.wanted.port, []);
    for (const { worker, slot, fd } of open.sockets) {
      removeFromEpoll(this.#workers.epoll(worker), fd);
      Atomics.store(this.#memory.u32, this.#record(worker, slot) + XSK_SOCKET_STATE / 4, XSK_SOCKET_CLOSING);
    }
    this.#epochs.retire(() => {
      for (const socket of open.sockets) this.#closeSocket(attachment, socket);
    });
  }

  /** No worker uses it any more. */
  #closeSocket(attachment: Attachment, { worker, slot, fd }: Socket): void {
    const { u32 } = this.#memory;
    const record = this.#record(worker, slot);
    const position = (word: number) => Atomics.load(u32, u32[record + (XSK_TX + word) / 4] / 4);
    const unsent = (position(XSK_RING_PRODUCER) - position(XSK_RING_CONSUMER)) >>> 0;
    attachment.lostByClosed += lossesOf(fd) + unsent;
    closeFd(fd);
    const ringsPtr = XSK + worker * XSK_SIZE + XSK_RINGS + slot * XSK_SOCKET_RINGS_SIZE;
    unmapRings(this.#memory, ringsPtr, XSK_SOCKET_RINGS_SIZE);
    Atomics.store(u32, record + XSK_SOCKET_STATE / 4, XSK_SOCKET_CLOSED);
    this.#workers.wake(worker);
  }

  #freeSlot(worker: number): number {
    for (let slot = 0; slot < XSK_SOCKETS_MAX; slot++) {
      if (this.#slotState(worker, slot) === XSK_SOCKET_FREE) return slot;
    }
    return -1;
  }

  #slotState(worker: number, slot: number): number {
    return Atomics.load(this.#memory.u32, this.#record(worker, slot) + XSK_SOCKET_STATE / 4);
  }

  #shift(worker: number): number {
    return this.#memory.u32[(XSK + worker * XSK_SIZE + XSK_STATE + XSK_FRAME_SHIFT) / 4];
  }

  /** u32 index of a socket's record. */
  #record(worker: number, slot: number): number {
    return (XSK + worker * XSK_SIZE + XSK_STATE + XSK_SOCKETS + slot * XSK_SOCKET_SIZE) / 4;
  }
}

function lossesOf(fd: number): number {
  try {
    const { dropped, ringFull } = readXskLosses(fd);
    return dropped + ringFull;
  } catch (error) {
    if (error instanceof SyscallError) return 0;
    throw error;
  }
}

function removeFromEpoll(epoll: number, fd: number): void {
  try {
    epollRemove(epoll, fd);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}

function intBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return bytes;
}
