// The interface behind an XDP port, as ports see their interfaces: it belongs to somebody else (a container's veth, a VM's tap), so vxlane
// attaches to it and changes neither its MTU nor its addresses, and its MAC is no MAC of ours.

import { VxlaneError } from "../errors.js";
import { closeFd } from "../linux/index.js";
import { findLink, withNetlink } from "../linux/links.js";
import { joinPromiscuous, leavePromiscuous, openPacketSocket } from "../linux/packet.js";
import type { XskLosses } from "../linux/xdp.js";
import type { XdpAttachment } from "./xdp-attachment.js";
import { NO_LOSSES } from "./xdp-queues.js";
import type { XdpSockets } from "./xdp-sockets.js";

const NO_MAC = "00:00:00:00:00:00";

type Sockets = Pick<XdpSockets, "all" | "attach" | "detach" | "reconcile" | "readLost">;

/** A socket that may have an interface take frames to any MAC. */
const PROMISCUOUS = { open: openPacketSocket, join: joinPromiscuous, leave: leavePromiscuous };

export class XdpDevice {
  readonly name: string;
  readonly mac = NO_MAC;
  /** Its sockets are in the epoll sets by themselves. */
  readonly queueFds: readonly number[] = [];
  readonly #xdp: Sockets;
  readonly #packetFd: number;
  #index: number;
  #mtu: number;
  readonly #promiscuous: typeof PROMISCUOUS;
  #attachment: XdpAttachment | undefined;

  /** @param promiscuous for tests without rights @throws VxlaneError ERR_HOST_INTERFACE, ERR_CONFLICT */
  constructor(name: string, xdp: Sockets, promiscuous = PROMISCUOUS) {
    const link = withNetlink(undefined, (netlink) => findLink(netlink, name));
    if (link === undefined) {
      throw new VxlaneError(
        "ERR_HOST_INTERFACE",
        `there is no interface ${name}: an xdp port attaches to one that is there`,
      );
    }
    for (const { wanted } of xdp.all()) {
      if (wanted.name === name) throw new VxlaneError("ERR_CONFLICT", `${name} is attached already`);
    }
    this.name = name;
    this.#xdp = xdp;
    this.#index = link.index;
    this.#mtu = link.mtu;
    this.#promiscuous = promiscuous;
    this.#packetFd = promiscuous.open();
  }

  get index(): number {
    return this.#index;
  }

  /** Largest L3 packet that the interface takes, bytes. */
  get mtu(): number {
    return this.#mtu;
  }

  /** Queues of the interface that frames come from and go to. */
  get queueCount(): number {
    return this.#attachment?.queueCount ?? 0;
  }

  /** False if the interface is gone. */
  get isAttached(): boolean {
    return this.#attachment?.fault === undefined;
  }

  /** Lets frames flow. @param onMtu called when the interface has another MTU @throws what `XdpSockets.attach` throws */
  connect(port: number, onMtu: (mtu: number) => void): void {
    this.#attachment = this.#xdp.attach({
      name: this.name,
      port,
      onOpen: (ifIndex, mtu) => {
        this.#index = ifIndex;
        this.#mtu = mtu;
        onMtu(mtu);
        // A NIC drops frames to MACs that are not its own; those behind a port are.
        this.#promiscuous.join(this.#packetFd, ifIndex);
      },
    });
  }

  /** Attaches again to an interface that has come back. @throws VxlaneError ERR_HOST_INTERFACE if it has not */
  reopen(): void {
    this.#xdp.reconcile();
    const fault = this.#attachment?.fault;
    if (fault !== undefined) throw new VxlaneError("ERR_HOST_INTERFACE", fault);
  }

  /** Frames that found no room in our rings. */
  readTxDropped(): number {
    return this.#readLosses().lost;
  }

  /** Frames that were too large for them. */
  readTooBig(): number {
    return this.#readLosses().tooBig;
  }

  /** The interface keeps its own. */
  setMtu(): void {}

  release(): void {
    if (this.#attachment !== undefined) this.#xdp.detach(this.#attachment);
    this.#promiscuous.leave(this.#packetFd, this.#index);
    closeFd(this.#packetFd);
  }

  /** After its end, too: a socket's last figure comes when it is closed. */
  #readLosses(): XskLosses {
    return this.#attachment === undefined ? NO_LOSSES : this.#xdp.readLost(this.#attachment);
  }
}
