// The underlay of the daemon: the sockets of all workers, and the multicast groups that networks flood to. A group is
// joined once, however many networks name it, and one worker reads it.

import { EPOLL_UNDERLAY, epollAdd, epollRemove, type GroupSocket, type Underlay } from "../linux/index.js";
import type { Epochs } from "../tables/epochs.js";
import type { Workers } from "./workers.js";

/** What is asked of the underlay's sockets. */
type Groups = Pick<Underlay, "receiveFds" | "joinGroup" | "moveGroups" | "readLost">;

export class UnderlaySockets {
  readonly #underlay: Groups;
  readonly #workers: Pick<Workers, "count" | "epoll">;
  readonly #epochs: Epochs;
  readonly #groups = new Map<string, { readonly socket: GroupSocket; readonly worker: number; uses: number }>();
  #nextWorker = 0;

  /** Puts every worker's socket into its epoll set. */
  constructor(underlay: Groups, workers: Pick<Workers, "count" | "epoll">, epochs: Epochs) {
    this.#underlay = underlay;
    this.#workers = workers;
    this.#epochs = epochs;
    underlay.receiveFds.forEach((fd, worker) => {
      epollAdd(workers.epoll(worker), fd, EPOLL_UNDERLAY, fd);
    });
  }

  /** Datagrams that the kernel dropped before a worker could read them. */
  readLost(): number {
    return this.#underlay.readLost();
  }

  /** Joins a group for one network more. @throws ERR_HOST_INTERFACE without an underlay interface, SyscallError */
  join(group: string): void {
    const known = this.#groups.get(group);
    if (known !== undefined) {
      known.uses++;
      return;
    }
    const socket = this.#underlay.joinGroup(group);
    const worker = this.#nextWorker++ % this.#workers.count;
    try {
      epollAdd(this.#workers.epoll(worker), socket.fd, EPOLL_UNDERLAY, socket.fd);
    } catch (error) {
      socket.close(); // nobody would read it
      throw error;
    }
    this.#groups.set(group, { socket, worker, uses: 1 });
  }

  /** Joins all groups again on an interface that took the place of the old one. @throws SyscallError */
  moveGroups(ifIndex: number): void {
    this.#underlay.moveGroups(ifIndex);
  }

  /** Leaves a group for one network less. */
  leave(group: string): void {
    const known = this.#groups.get(group);
    if (known === undefined || --known.uses > 0) return;
    this.#groups.delete(group);
    epollRemove(this.#workers.epoll(known.worker), known.socket.fd);
    this.#epochs.retire(() => known.socket.close());
  }
}
