// What is said to whoever wanted an interface attached that the kernel refused: what stands in the way, and the remedy.

import { expect, test } from "vitest";
import { explainXdp } from "../../../control/daemon/xdp-attach.js";
import { SyscallError } from "../../../control/linux/index.js";

const [EBUSY, EEXIST, ENOSYS, ENOBUFS, ENODEV] = [16, 17, 38, 105, 19];
const QUEUE = "bind AF_XDP interface 5 queue 0";
const LINK = "XDP link to interface 5";
const veth = { name: "veth0", ifIndex: 5, isClosing: false };
const holder = { kind: "process", pid: 4711, command: "xdpdump" } as const;

test.each([
  [
    "a queue of another program",
    new SyscallError(QUEUE, EBUSY),
    holder,
    /^veth0: bind AF_XDP interface 5 queue 0: EBUSY: .*xdpdump \(process 4711\).*: end that, or use another interface/,
  ],
  [
    "of one that is not found",
    new SyscallError(QUEUE, EBUSY),
    undefined,
    /queue 0: EBUSY: a program that could not be/,
  ],
  ["a program of another one", new SyscallError(LINK, EBUSY), holder, /^veth0: .*XDP program.*xdpdump .*: end that/],
  ["one that nobody holds", new SyscallError(LINK, EEXIST), undefined, /ip link set veth0 xdp off.*xdpgeneric off/],
  [
    "no bpf",
    new SyscallError("BPF_MAP_CREATE vxlane_xsk", ENOSYS),
    holder,
    /CONFIG_BPF_SYSCALL.*seccomp.*: use the udp/,
  ],
  ["little memory", new SyscallError("setsockopt XDP_UMEM_REG", ENOBUFS), holder, /RLIMIT_MEMLOCK.*CAP_IPC_LOCK/],
  ["what nobody foresaw", new SyscallError(LINK, ENODEV), holder, /^veth0: XDP link to interface 5: ENODEV$/],
])("%s", (_what, error, whoHas, message) => {
  expect(explainXdp(error, veth, () => whoHas)).toMatchObject({
    code: "ERR_HOST_INTERFACE",
    message: expect.stringMatching(message),
    cause: error,
  });
});

test("sockets of our own that a worker has not let go of", () => {
  const asked: number[] = [];
  const whoHas = (ifIndex: number) => void asked.push(ifIndex);
  expect(explainXdp(new SyscallError(QUEUE, EBUSY), { ...veth, isClosing: true }, whoHas)).toMatchObject({
    code: "ERR_TIMEOUT",
    message: "veth0: a worker has not let go of it yet: try again in a moment",
  });
  expect(asked).toEqual([]);
});
