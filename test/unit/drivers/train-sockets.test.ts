// Which source ports get a socket for trains.

import { afterAll, expect, it } from "vitest";
import { TrainSockets } from "../../../control/drivers/train-sockets.js";
import { closeFd } from "../../../control/linux/index.js";
import { mapAddress } from "../../../control/linux/sockaddr.js";
import { openReceiveSocket } from "../../../control/linux/sockets.js";
import { createMemory } from "../../../control/memory.js";
import { SYSTEM_LOCAL, SYSTEM_UDP_PORT } from "../../../dataplane-wasm/layout.js";

const PORT = 47_891;
const local = mapAddress(Uint8Array.of(127, 0, 0, 1));
const receiveFd = openReceiveSocket({ local, port: PORT, join: false });
afterAll(() => closeFd(receiveFd));

it("never the VTEP's own: a socket there would take a share of what peers send", () => {
  const memory = createMemory();
  memory.u8.set(local, SYSTEM_LOCAL);
  memory.u32[SYSTEM_UDP_PORT >>> 2] = PORT;
  const sockets = new TrainSockets(memory, 0, 4);
  expect(sockets.fdOf(PORT)).toBe(-1);
  const other = sockets.fdOf(PORT + 1);
  expect(other).toBeGreaterThan(0);
  expect(sockets.fdOf(PORT + 1)).toBe(other);
  sockets.close();
});
