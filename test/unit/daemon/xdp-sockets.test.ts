// An interface that is attached beside one that has just gone, before anybody has looked; and ones whose queues somebody has. The calls are
// doubles: the kernel refuses frames of a socket whose interface is gone, and a queue that has a socket.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { XdpSockets } from "../../../control/daemon/xdp-sockets.js";
import { EBADF, EBUSY, EINVAL, SyscallError } from "../../../control/linux/errno.js";
import type { XskOptions } from "../../../control/linux/xdp.js";
import { createFixture, type Fixture, setWorker } from "../tables/fixture.js";

const NIC = { index: 4, mtu: 1500 };
const VETH = { index: 5, mtu: 1450 };
const PORT = 7;

const host = vi.hoisted(() => ({
  links: new Map<string, object>(),
  opened: new Map<number, number>(),
  next: 100,
  busy: 0,
  asked: 0,
}));

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
  closeFd: (fd: number) => void host.opened.delete(fd),
  whoHasXdp: () => undefined,
  epollAdd: () => {},
  epollRemove: () => {},
}));
vi.mock("../../../control/linux/xdp.js", () => ({
  openXsk: (_: object, { ifIndex, queue, sharedFd }: XskOptions) => {
    host.asked++;
    if (queue > 0) throw new SyscallError("bind AF_XDP", EINVAL);
    const isTaken = [...host.opened.values()].includes(ifIndex);
    if (isTaken || host.busy-- > 0) throw new SyscallError("bind AF_XDP queue 0", EBUSY);
    const shared = sharedFd === undefined ? undefined : host.opened.get(sharedFd);
    const isThere = [...host.links.values()].some((link) => "index" in link && link.index === shared);
    if (sharedFd !== undefined && !isThere) throw new SyscallError("bind AF_XDP", EBADF);
    host.opened.set(++host.next, ifIndex);
    return { fd: host.next, rings: new Uint32Array(16), isZeroCopy: false };
  },
  readXskLosses: () => ({ lost: 0, tooBig: 0 }),
  unmapRings: () => {},
}));

let xdp: XdpSockets;
let fixture: Fixture;

beforeEach(async () => {
  fixture = await createFixture();
  const { memory, dataplane, tables } = fixture;
  xdp = new XdpSockets(memory, dataplane, { count: 1, epoll: () => -1, wake: () => {} }, tables.epochs);
  host.opened.clear();
  Object.assign(host, { busy: 0, asked: 0 });
  vi.useFakeTimers();
  host.links = new Map(Object.entries({ under0: NIC, veth0: VETH }));
});
afterEach(() => vi.useRealTimers());

it("attaches a port when the underlay's interface has just gone", () => {
  const underlay = xdp.attach({ name: "under0", port: 0 });
  expect(underlay).toMatchObject({ ifIndex: NIC.index, fault: undefined });
  host.links.delete("under0");
  const port = xdp.attach({ name: "veth0", port: PORT });
  expect(port).toMatchObject({ ifIndex: VETH.index, queueCount: 1, fault: undefined });
  expect(underlay).toMatchObject({ ifIndex: undefined, fault: "there is no interface under0" });
});

it("waits for a queue that is free in a moment", () => {
  host.busy = 5;
  expect(xdp.attach({ name: "veth0", port: PORT })).toMatchObject({ queueCount: 1, fault: undefined });
  expect(host.busy).toBeLessThan(0);
});

it("gives up on one that stays taken, and says so", () => {
  host.busy = Infinity;
  expect(() => xdp.attach({ name: "veth0", port: PORT })).toThrow(/^veth0: bind AF_XDP queue 0: EBUSY: .*: end it/);
});

it("waits for none when an interface is back, but asks again with each look", () => {
  const port = xdp.attach({ name: "veth0", port: PORT });
  host.links.set("veth0", { ...VETH, index: 9 });
  xdp.reconcile();
  host.busy = 3;
  for (let look = 0; look < 3; look++) {
    host.asked = 0;
    xdp.reconcile();
    expect(host.asked).toBe(1);
    expect(port).toMatchObject({ queueCount: 0, fault: expect.stringContaining("EBUSY") });
  }
  xdp.reconcile();
  expect(port).toMatchObject({ ifIndex: 9, queueCount: 1, fault: undefined });
});

it("does not wait for a worker that has not let go of the queues", () => {
  setWorker(fixture, "running");
  xdp.detach(xdp.attach({ name: "veth0", port: PORT }));
  host.asked = 0;
  expect(() => xdp.attach({ name: "veth0", port: PORT })).toThrow(expect.objectContaining({ code: "ERR_TIMEOUT" }));
  expect(host.asked).toBe(1);
  setWorker(fixture, "asleep");
  fixture.tables.epochs.reclaim();
  expect(xdp.attach({ name: "veth0", port: PORT })).toMatchObject({ queueCount: 1 });
});
