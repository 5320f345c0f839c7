// The longest frame that an AF_XDP socket sends, by the MTU of its interface.

import { expect, it } from "vitest";
import { XdpQueues } from "../../../control/daemon/xdp-queues.js";
import { XskSlots } from "../../../control/daemon/xdp-slots.js";
import { createMemory } from "../../../control/memory.js";
import * as L from "../../../dataplane-wasm/layout.js";

const slot = { worker: 0, slot: 3 };
const LEN_MAX = (L.XSK + L.XSK_STATE + L.XSK_SOCKETS + slot.slot * L.XSK_SOCKET_SIZE + L.XSK_SOCKET_LEN_MAX) / 4;

it.each([
  ["an outer packet of the MTU", 0, 1500, 1514],
  ["a port's packet of the MTU, with a VLAN tag", 7, 1500, 1518],
])("%s", (_what, port, mtu, expected) => {
  const memory = createMemory();
  const slots = new XskSlots(memory, { xskInitialise: () => {} }, 1);
  const workers = { count: 1, epoll: () => -1, wake: () => {} };
  new XdpQueues(memory, slots, workers).limit(port, mtu, [slot]);
  expect(memory.u32[LEN_MAX]).toBe(expected);
});
