// One AF_XDP socket of a worker, with rings in memory that no kernel looks at.

import { type Dataplane, instantiateDataplane } from "../../control/dataplane.js";
import { createMemory, type SharedMemory } from "../../control/memory.js";
import * as L from "../../dataplane-wasm/layout.js";
import { dataplaneModule } from "./engine.js";

export const WORKER = 1;
export const SLOT = 2;
export const FRAME_SHIFT = 11;
export const UMEM = L.XSK + WORKER * L.XSK_SIZE;
export const STATE = UMEM + L.XSK_STATE;
export const SOCKET = STATE + L.XSK_SOCKETS + SLOT * L.XSK_SOCKET_SIZE;
export const RINGS = UMEM + L.XSK_RINGS + SLOT * L.XSK_SOCKET_RINGS_SIZE;
export const RING_ROOM = 16_384;

/** The socket is not open yet. */
export async function emptyRings(): Promise<{ memory: SharedMemory; dataplane: Dataplane }> {
  const memory = createMemory();
  const dataplane = await instantiateDataplane(await dataplaneModule(), memory.memory);
  dataplane.initialise();
  dataplane.xskInitialise(WORKER, FRAME_SHIFT);
  [L.XSK_RX, L.XSK_TX, L.XSK_FILL, L.XSK_DONE].forEach((ring, index) => {
    const at = RINGS + index * RING_ROOM;
    memory.u32.set([at, at + 64, at + 128, at + 192], (SOCKET + ring) / 4);
  });
  return { memory, dataplane };
}
