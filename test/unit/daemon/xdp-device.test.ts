// The interface behind an xdp port: what it does when it is attached, gets another MTU, or comes back. Sockets and attachment are doubles.

import { beforeEach, expect, it, onTestFinished } from "vitest";
import type { XdpAttachment, XdpWanted } from "../../../control/daemon/xdp-attachment.js";
import { XdpDevice } from "../../../control/daemon/xdp-device.js";
import { NO_LOSSES } from "../../../control/daemon/xdp-queues.js";
import { createBell, SyscallError } from "../../../control/linux/index.js";

const ENOBUFS = 105;
const PORT = 7;

let wanted: XdpWanted | undefined;
let joined: number[];
let isRefused: boolean;
let mtus: number[];
let device: XdpDevice;
beforeEach(() => {
  wanted = undefined;
  [joined, mtus, isRefused] = [[], [], false];
  const xdp = {
    all: () => [],
    attach(asked: XdpWanted) {
      wanted = asked;
      return { wanted: asked, fault: undefined, queueCount: 1 } as XdpAttachment;
    },
    detach: () => {},
    reconcile: () => {},
    readLost: () => NO_LOSSES,
  };
  const promiscuous = {
    open: createBell,
    join: (_fd: number, ifIndex: number) => {
      if (isRefused) throw new SyscallError("setsockopt PACKET_ADD_MEMBERSHIP", ENOBUFS);
      joined.push(ifIndex);
    },
    leave: (_fd: number, ifIndex: number) => {
      joined = joined.filter((index) => index !== ifIndex);
    },
  };
  device = new XdpDevice("lo", xdp, promiscuous);
  device.connect(PORT, (mtu) => mtus.push(mtu));
  onTestFinished(() => device.release());
});

const open = (ifIndex: number, mtu: number) => wanted?.onOpen?.(ifIndex, mtu);

it("asks an interface for all frames, and another one of its name too", () => {
  open(3, 1500);
  open(4, 9000);
  expect([joined, mtus, device.mtu, device.index]).toEqual([[3, 4], [1500, 9000], 9000, 4]);
});

it("takes an MTU that it is told of, though the interface refuses to give all frames, which it is asked for again", () => {
  isRefused = true;
  expect(() => open(3, 1400)).toThrow(/ENOBUFS/);
  expect([mtus, device.mtu]).toEqual([[1400], 1400]);
  isRefused = false;
  open(3, 1400);
  expect(joined).toEqual([3]);
});
