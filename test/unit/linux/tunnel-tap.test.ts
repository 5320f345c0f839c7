// What is said on a kernel that is too old for the tap underlay, or lacks what it needs, and that nothing stays open then. The calls are doubles: this
// kernel may be young enough.

import { beforeEach, expect, test, vi } from "vitest";
import { EINVAL, ENOSYS, EPERM, SyscallError } from "../../../control/linux/errno.js";
import { openTunnelTap } from "../../../control/linux/tunnel-tap.js";

const state = vi.hoisted(() => ({ offloads: 0, link: 0, load: 0, next: 100, open: new Set<number>(), netlinks: 0 }));

vi.mock("../../../control/linux/libc.js", () => {
  const make = () => {
    state.open.add(++state.next);
    return state.next;
  };
  return {
    open: make,
    socket: make,
    close: (fd: number) => (state.open.delete(fd) ? 0 : -1),
    ioctl: () => 0,
    ioctlNumber: () => (state.offloads === 0 ? 0 : -1),
    lastErrno: () => state.offloads,
    check: (result: number) => result,
  };
});
vi.mock("../../../control/linux/netlink.js", () => ({
  acquireNetlink: () => {
    state.netlinks++;
    return {};
  },
  releaseNetlink: () => state.netlinks--,
}));
vi.mock("../../../control/linux/links.js", () => ({ findLink: () => ({ index: 7, isUp: true }) }));
vi.mock("../../../control/linux/bpf.js", () => {
  const link = () => {
    if (state.link !== 0) throw new SyscallError("TCX link to interface 7", state.link);
    state.open.add(++state.next);
    return state.next;
  };
  const loadProgram = ({ name }: { name: string }) => {
    if (state.load !== 0) throw new SyscallError(`BPF_PROG_LOAD ${name}`, state.load);
    state.open.add(++state.next);
    return state.next;
  };
  const types = { BPF_PROG_TYPE_SCHED_CLS: 3, BPF_PROG_TYPE_SOCKET_FILTER: 1 };
  return { ...types, loadProgram, linkTcxEgress: link, linkTcxIngress: link };
});

const options = { local: new Uint8Array(16).fill(0xff, 10), port: 4789, queues: 2, offloads: true };

beforeEach(() => {
  Object.assign(state, { offloads: 0, link: 0, load: 0, next: 100, netlinks: 0 });
  state.open.clear();
});

test("a kernel without tunnel GSO in TAP devices: which one has it, and what to do", () => {
  state.offloads = EINVAL;
  expect(() => openTunnelTap(options)).toThrow(/needs Linux 6\.17 or later .*, this is .*: use driver: udp, or auto/);
  expect([state.open.size, state.netlinks]).toEqual([0, 0]);
});

test("a kernel without TCX: the same", () => {
  state.link = EINVAL;
  expect(() => openTunnelTap({ ...options, offloads: false })).toThrow(/needs Linux 6\.6 or later .*: use driver: udp/);
  expect([state.open.size, state.netlinks]).toEqual([0, 0]);
});

test("a kernel without bpf: how it comes by it, and what to do", () => {
  state.load = ENOSYS;
  const why =
    /^underlay\.driver: tap: BPF_PROG_LOAD \w+: ENOSYS: .*CONFIG_BPF_SYSCALL.*seccomp.*: use driver: udp, or auto$/;
  for (const queues of [1, 2]) expect(() => openTunnelTap({ ...options, queues })).toThrow(why);
  expect([state.open.size, state.netlinks]).toEqual([0, 0]);
});

test("another refusal is said as it is", () => {
  state.link = EPERM;
  expect(() => openTunnelTap(options)).toThrow(/TCX link to interface 7: EPERM/);
  expect([state.open.size, state.netlinks]).toEqual([0, 0]);
});

test("released, nothing stays open", () => {
  const tap = openTunnelTap(options);
  expect(state.open.size).toBeGreaterThan(0);
  tap.release();
  tap.release();
  expect([state.open.size, state.netlinks]).toEqual([0, 0]);
});
