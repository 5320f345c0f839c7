// An interface that is attached beside one that has just gone, before anybody has looked. The calls are doubles: the kernel refuses
// frames of a socket whose interface is gone.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { XdpSockets } from "../../../control/daemon/xdp-sockets.js";
import { EBADF, EINVAL, SyscallError } from "../../../control/linux/errno.js";
import type { XskOptions } from "../../../control/linux/xdp.js";
import { createFixture } from "../tables/fixture.js";

const NIC = { index: 4, mtu: 1500 };
const VETH = { index: 5, mtu: 1450 };
const PORT = 7;

const host = vi.hoisted(() => ({ links: new Map<string, object>(), opened: new Map<number, number>(), next: 100 }));

vi.mock("../../../control/linux/links.js", () => ({
  findLink: (_: object, name: string) => host.links.get(name),
  withNetlink: (_: undefined, use: (netlink: object) => unknown) => use({}),
}));
vi.mock("../../../control/linux/xdp-programs.js", () => ({
  loadRedirect: () => ({ programFd: ++host.next, mapFd: ++host.next }),
}));
vi.mock("../../../control/linux/bpf.js", () => ({
  XDP_FLAGS_DRV_MODE: 4,
  XDP_FLAGS_SKB_MODE: 2,
  linkXdp: () => ++host.next,
  updateMap: () => {},
}));
vi.mock("../../../control/linux/index.js", async (importOriginal) => ({
  ...(await importOriginal<object>()),
  closeFd: () => {},
  epollAdd: () => {},
  epollRemove: () => {},
}));
vi.mock("../../../control/linux/xdp.js", () => ({
  openXsk: (_: object, { ifIndex, queue, sharedFd }: XskOptions) => {
    if (queue > 0) throw new SyscallError("bind AF_XDP", EINVAL);
    const shared = sharedFd === undefined ? undefined : host.opened.get(sharedFd);
    const isThere = [...host.links.values()].some((link) => "index" in link && link.index === shared);
    if (sharedFd !== undefined && !isThere) throw new SyscallError("bind AF_XDP", EBADF);
    host.opened.set(++host.next, ifIndex);
    return { fd: host.next, rings: new Uint32Array(16), isZeroCopy: false };
  },
  readXskLosses: () => ({ lost: 0, tooBig: 0 }),
  unmapRings: () => {},
}));

beforeEach(() => {
  vi.useFakeTimers();
  host.links = new Map(Object.entries({ under0: NIC, veth0: VETH }));
});
afterEach(() => vi.useRealTimers());

it("attaches a port when the underlay's interface has just gone", async () => {
  const { memory, dataplane, tables } = await createFixture();
  const workers = { count: 1, epoll: () => -1, wake: () => {} };
  const xdp = new XdpSockets(memory, dataplane, workers, tables.epochs);
  const underlay = xdp.attach({ name: "under0", port: 0 });
  expect(underlay).toMatchObject({ ifIndex: NIC.index, fault: undefined });
  host.links.delete("under0");
  const port = xdp.attach({ name: "veth0", port: PORT });
  expect(port).toMatchObject({ ifIndex: VETH.index, queueCount: 1, fault: undefined });
  expect(underlay).toMatchObject({ ifIndex: undefined, fault: "there is no interface under0" });
});
