// The interfaces that AF_XDP is attached to: the underlay's, and ports of others. What is wanted and what is open are two things. An
// interface that goes, comes back, or changes its MTU beyond the frames in use is closed and opened again as soon as it can be;
// `reconcile` does so, a few times a second. While the underlay has no sockets the udp driver serves it, and nothing is lost but speed.

import { XSK_KERNEL_HEADROOM } from "../../dataplane-wasm/layout.js";
import type { Dataplane } from "../dataplane.js";
import { messageOf, VxlaneError } from "../errors.js";
import { EBADF, EOPNOTSUPP } from "../linux/errno.js";
import { closeFd, SyscallError } from "../linux/index.js";
import { findLink, type Link, withNetlink } from "../linux/links.js";
import type { XskLosses } from "../linux/xdp.js";
import { loadRedirect } from "../linux/xdp-programs.js";
import type { SharedMemory } from "../memory.js";
import type { Epochs } from "../tables/epochs.js";
import type { Workers } from "./workers.js";
import { XdpAdmission } from "./xdp-admission.js";
import { attachProgram, explainXdp, frameShift } from "./xdp-attach.js";
import { Attachment, type Open, type XdpAttachment, type XdpWanted } from "./xdp-attachment.js";
import type { FrameCounts } from "./xdp-frames.js";
import { addLosses, lossesOf, NO_LOSSES, XdpQueues } from "./xdp-queues.js";
import { XskSlots } from "./xdp-slots.js";

/* Our choice: with a wait between two, 200 ms; half of the interfaces that come back at once want two to four. */
const BUSY_TRIES = 40;

export class XdpSockets {
  readonly #slots: XskSlots;
  readonly #queues: XdpQueues;
  readonly #admission: XdpAdmission;
  readonly #epochs: Epochs;
  readonly #attachments = new Set<Attachment>();
  readonly #isNative: boolean;
  #zeroCopy: boolean;
  /** Which frames are wanted, as a power of two: whoever wanted the largest may be closed, or wait for them. */
  #shift = 0;

  /** @param isNative false: generic XDP and copies, whatever the interfaces offer */
  constructor(
    memory: SharedMemory,
    dataplane: Dataplane,
    workers: Pick<Workers, "count" | "epoll" | "wake">,
    epochs: Epochs,
    isNative = true,
  ) {
    this.#slots = new XskSlots(memory, dataplane, workers.count);
    this.#queues = new XdpQueues(memory, this.#slots, workers);
    this.#admission = new XdpAdmission(this.#slots);
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
    const shift = frameShift(wanted.name, linkOf(wanted.name).mtu);
    this.#attachments.add(attachment);
    try {
      if (this.#anyOpen() && shift > this.#slots.shift) this.#closeForLargerFrames(shift);
      else this.#openBeside(attachment);
      return attachment;
    } catch (error) {
      this.#attachments.delete(attachment);
      this.#close(attachment);
      throw this.#explain(error, wanted.name);
    }
  }

  detach(attachment: XdpAttachment): void {
    for (const known of this.#attachments) {
      if (known !== attachment) continue;
      this.#attachments.delete(known);
      this.#close(known);
    }
  }

  /** Leaves its interface for another one, to which a later `reconcile` attaches it. */
  move(attachment: XdpAttachment, name: string): void {
    for (const known of this.#attachments) {
      if (known !== attachment) continue;
      known.wanted = { ...known.wanted, name };
      known.fault = `goes to ${name}`;
      this.#close(known);
    }
  }

  /** Frames that the kernel could not hand over since it was attached. */
  readLost(attachment: XdpAttachment): XskLosses {
    if (!(attachment instanceof Attachment)) return NO_LOSSES;
    const sockets = [...(attachment.open?.sockets ?? []), ...attachment.closing];
    return sockets.reduce((sum, socket) => addLosses(sum, lossesOf(socket)), attachment.lostByClosed);
  }

  /** For people: what is attached how, and where the frames are. */
  describe(): { interfaces: object[]; frames: FrameCounts[] } {
    const interfaces = [...this.#attachments].map((attachment) => attachment.describe());
    return { interfaces, frames: this.#slots.count() };
  }

  /** Brings what is open to what is wanted. To be called a few times a second, which is how often it tries to open something. */
  reconcile(): void {
    const closed = this.#closeGone();
    const wanted = Math.max(this.#shift, ...[...this.#attachments].map(({ wantedShift }) => wantedShift));
    if (wanted > this.#slots.shift && this.#anyOpen()) this.#closeForLargerFrames(wanted);
    for (const attachment of this.#attachments) {
      // What has just gone is opened by the next call: others, such as next hops, take note of it meanwhile.
      if (attachment.open !== undefined || closed.includes(attachment)) continue;
      try {
        this.#open(attachment, 1);
      } catch (error) {
        this.#close(attachment);
        const message = messageOf(error);
        if (attachment.refusal?.message !== message)
          attachment.refusal = { message, why: messageOf(this.#explain(error, attachment.wanted.name)) };
        attachment.fault = attachment.refusal.why;
      }
    }
  }

  /** Closes everything at once. The workers must have stopped. */
  closeAll(): void {
    for (const { open } of this.#attachments) {
      if (open === undefined) continue;
      for (const socket of open.sockets) this.#queues.close(socket);
      this.#takeOff(open);
    }
    this.#attachments.clear();
  }

  /** Opens it for the first time, whatever has become of the others since the last look at them. */
  #openBeside(attachment: Attachment): void {
    try {
      this.#open(attachment);
    } catch (error) {
      // The frames were to come from the socket of an interface that is gone.
      if (!(error instanceof SyscallError && error.errno === EBADF)) throw error;
      this.#closeGone();
      this.#open(attachment);
    }
  }

  /** Those that went, or have to be attached anew. */
  #closeGone(): Attachment[] {
    return [...this.#attachments].filter(
      (attachment) => attachment.open !== undefined && !this.#follow(attachment, attachment.open),
    );
  }

  /** Notices that an interface has another MTU; false: or that it went, or has to be attached anew. */
  #follow(attachment: Attachment, open: Open): boolean {
    const { name, port, onOpen } = attachment.wanted;
    const link = withNetlink(undefined, (netlink) => findLink(netlink, name));
    if (link?.index !== open.ifIndex) {
      attachment.fault = link === undefined ? `there is no interface ${name}` : `${name} is another interface now`;
      this.#close(attachment);
      return false;
    }
    if (link.mtu !== open.mtu) {
      open.mtu = link.mtu;
      this.#queues.limit(port, link.mtu, open.sockets);
      try {
        onOpen?.(link.index, link.mtu);
      } catch (error) {
        attachment.fault = messageOf(error);
        this.#close(attachment);
        return false;
      }
    }
    return true;
  }

  #anyOpen(): boolean {
    return [...this.#attachments].some(({ open }) => open !== undefined);
  }

  #closeForLargerFrames(shift: number): void {
    this.#shift = shift;
    this.#closeEach("waits for larger frames");
  }

  #closeEach(fault: string): void {
    for (const attachment of this.#attachments) {
      attachment.fault = fault;
      this.#close(attachment);
    }
  }

  /** @param tries how often, while somebody has a queue */
  #open(attachment: Attachment, tries = BUSY_TRIES): void {
    const { name, port, match, onOpen } = attachment.wanted;
    const { index: ifIndex, mtu } = linkOf(name);
    this.#shift = Math.max(this.#shift, frameShift(name, mtu));
    if (!this.#slots.prepare(this.#shift)) {
      attachment.fault = "waits for its frames";
      return;
    }
    const queues = { name, ifIndex, port, zeroCopy: this.#zeroCopy, tries };
    const undo: (() => void)[] = [];
    try {
      const frameMax = 2 ** this.#slots.shift - XSK_KERNEL_HEADROOM;
      const { programFd, mapFd } = loadRedirect(match && { ...match, frameMax });
      undo.push(
        () => closeFd(programFd),
        () => closeFd(mapFd),
      );
      const sockets = this.#queues.open(queues, (socket) => undo.push(() => this.#queues.close(socket)));
      const link = attachProgram(programFd, ifIndex, this.#isNative);
      attachment.open = { ifIndex, ...link, programFd, mapFd, sockets, mtu };
      attachment.fault = undefined;
      attachment.refusal = undefined;
    } catch (error) {
      for (const step of undo.reverse()) step();
      if (this.#zeroCopy && error instanceof SyscallError && error.errno === EOPNOTSUPP) {
        // Its driver cannot write into frames that another one's driver writes: then none does.
        this.#zeroCopy = false;
        this.#closeEach("waits for frames without zero copy");
        return;
      }
      throw error;
    }
    this.#queues.limit(port, mtu, attachment.open.sockets);
    this.#queues.connect(queues, attachment.open.sockets);
    this.#admission.admit(attachment.open.mapFd, attachment.open.sockets, port);
    onOpen?.(ifIndex, mtu);
  }

  #close(attachment: Attachment): void {
    const { open } = attachment;
    attachment.open = undefined;
    if (open === undefined) return;
    // The program first: what comes from now on is the host's.
    this.#takeOff(open);
    this.#queues.disconnect(attachment.wanted.port, open.sockets);
    for (const socket of open.sockets) attachment.closing.add(socket);
    this.#epochs.retire(() => {
      for (const socket of open.sockets) {
        attachment.closing.delete(socket);
        attachment.lostByClosed = addLosses(attachment.lostByClosed, this.#queues.close(socket));
      }
    });
  }

  #explain(error: unknown, name: string): unknown {
    if (!(error instanceof SyscallError)) return error;
    const ifIndex = withNetlink(undefined, (netlink) => findLink(netlink, name))?.index ?? 0;
    return explainXdp(error, { name, ifIndex, isClosing: this.#slots.isClosing(ifIndex) });
  }

  #takeOff({ linkFd, programFd, mapFd }: Open): void {
    this.#admission.forget(mapFd);
    for (const fd of [linkFd, programFd, mapFd]) closeFd(fd);
  }
}

function linkOf(name: string): Link {
  const link = withNetlink(undefined, (netlink) => findLink(netlink, name));
  if (link === undefined) throw new VxlaneError("ERR_HOST_INTERFACE", `there is no interface ${name} to attach to`);
  return link;
}
