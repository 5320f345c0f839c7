// Tells that something about this host's interfaces has changed: a link came, went, or changed its state, or an address
// did; or else its routes, or its neighbours. It says that, not what: whoever wants to know looks at them all, so no message that was lost can matter.

import { AF_NETLINK, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from "./constants.js";
import { EAGAIN, EINTR } from "./errno.js";
import { bind, check, close, lastErrno, recv, socket } from "./libc.js";
import { inNamespace } from "./netns.js";
import { SOCKADDR_NL_GROUPS, SOCKADDR_NL_SIZE } from "./structs.js";

/* From linux/netlink.h and linux/rtnetlink.h */

const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 0x1;
const RTMGRP_NEIGH = 0x4;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_ROUTES = 0x40 | 0x80 | 0x400 | 0x40000; // IPv4 routes and rules, IPv6 routes and rules

/** A route that names a nexthop object changes with that, and no message of its own says so. */
const RTMGRP_NEXTHOP = 0x80000000; // group 32

const LINKS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
const GROUPS = { links: LINKS, routes: (LINKS | RTMGRP_ROUTES | RTMGRP_NEXTHOP) >>> 0, neighbours: RTMGRP_NEIGH };

const RECEIVE_SIZE = 32768;

export class LinkEvents {
  readonly #fd: number;
  readonly #received = Buffer.alloc(RECEIVE_SIZE);

  /** @param netns a namespace file; undefined: the one we are in. @param of what; links go with routes, too. @throws SyscallError */
  constructor(netns?: string, of: keyof typeof GROUPS = "links") {
    const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
    this.#fd = inNamespace(netns, () => check(socket(AF_NETLINK, type, NETLINK_ROUTE), "socket AF_NETLINK"));
    const address = Buffer.alloc(SOCKADDR_NL_SIZE);
    address.writeUInt16LE(AF_NETLINK);
    address.writeUInt32LE(GROUPS[of], SOCKADDR_NL_GROUPS);
    try {
      check(bind(this.#fd, address, address.length), "bind AF_NETLINK");
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  /** True if anything has changed since the last call. Never waits. */
  changed(): boolean {
    for (let any = false; ; ) {
      if (recv(this.#fd, this.#received, RECEIVE_SIZE, MSG_DONTWAIT) >= 0) {
        any = true;
        continue;
      }
      const errno = lastErrno();
      if (errno === EAGAIN) return any;
      // ENOBUFS: so much has changed that the kernel could not tell it all.
      if (errno !== EINTR) any = true;
    }
  }

  close(): void {
    close(this.#fd);
  }
}
