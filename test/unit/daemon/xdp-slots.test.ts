// The records of AF_XDP sockets in shared memory: what is still in a socket's rings when it is closed.

import { expect, it } from "vitest";
import { XskSlots } from "../../../control/daemon/xdp-slots.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { createFixture } from "../tables/fixture.js";

it("frames that neither side of a ring has taken are left", async () => {
  const { memory, dataplane } = await createFixture();
  const slots = new XskSlots(memory, dataplane, 1);
  expect(slots.prepare(L.XSK_FRAME_SHIFT_MIN)).toBe(true);
  const slot = slots.free(0);
  if (slot === undefined) throw new Error("no slot is free");
  const { ringsPtr } = slots.rings(slot);
  const rings = new Uint32Array(
    [0, 1, 2, 3].flatMap((ring) => [0, 4, 8, 12].map((word) => ringsPtr + ring * 64 + word)),
  );
  slots.open(slot, { fd: -1, rings, isZeroCopy: false }, 5, 1);
  expect(slots.left(slot)).toBe(0);
  const [rx, tx] = [ringsPtr / 4, (ringsPtr + 64) / 4];
  memory.u32.set([2, 0xffff_fffd], rx); // it has come round: five
  memory.u32.set([9, 7], tx);
  expect(slots.left(slot)).toBe(7);
});
