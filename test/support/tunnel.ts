// Two VTEPs that face each other, both vxlane: what one encapsulates the other takes off again.

import * as L from "../../dataplane-wasm/layout.js";
import { network, type World, world } from "../oracle/world.js";
import { concat } from "./bytes.js";
import { decode, expectBytes } from "./decode.js";
import { Engine } from "./engine.js";
import { ethernet, type Packet } from "./frames.js";
import { readCounters } from "./readings.js";
import { HOST_A, HOST_FAR, macKey } from "./worlds.js";

/** One of two VTEPs that face each other; the near one has HOST_A behind its port, the far one HOST_FAR. */
export function side(near: boolean, ipv6 = false, vni = 100): World {
  const addresses = ipv6 ? ["fd99::1", "fd99::2"] : ["10.99.0.1", "10.99.0.2"];
  const hosts = [macKey(HOST_A), macKey(HOST_FAR)];
  const [mine, other] = near ? [0, 1] : [1, 0];
  return world({
    local: addresses[mine],
    networks: [network({ id: 1, vni, mtu: 9000, flood: { attachments: [1], vteps: [1] }, sources: [1] })],
    vteps: [{ id: 1, address: addresses[other], ttl: 33 }],
    attachments: [{ id: 1, network: 1, port: 1, mtu: 9000 }],
    statics: [
      { network: 1, mac: hosts[mine], target: "attachment", id: 1, own: true },
      { network: 1, mac: hosts[other], target: "vtep", id: 1 },
    ],
  });
}

/** What encap puts in front of `frame`, from the outer Ethernet header on; and the frame. */
export function encapsulated(side: Engine, frame: Uint8Array): Uint8Array {
  side.place(0, { attachment: 1, bytes: frame }, 0);
  const [output] = side.run("encap", 1);
  return concat(output.header, output.payload);
}

/** Sends `frame` through both, as whole outer frames, and gives back what the far port gets. */
export async function through(frames: readonly Uint8Array[], ipv6: boolean, vni = 100): Promise<Uint8Array[]> {
  const [near, far] = [await Engine.create(side(true, ipv6, vni)), await Engine.create(side(false, ipv6, vni))];
  return frames.map((frame) => {
    const outer = encapsulated(near, frame);
    far.place(0, { bytes: outer, flags: L.DESC_FLAG_OUTER }, outer.length - frame.length);
    const [output] = far.run("decap", 1);
    if (output === undefined) throw new Error(JSON.stringify(readCounters(far)));
    return output.payload;
  });
}

/** Packets from HOST_A to HOST_FAR arrive as they were, over both underlays. */
export async function expectRoundTrip(...packets: Packet[]): Promise<void> {
  const frames = packets.map((packet) => ethernet({ dst: HOST_FAR, src: HOST_A }, packet));
  for (const ipv6 of [false, true]) {
    const arrived = await through(frames, ipv6);
    for (const [i, frame] of frames.entries()) expectBytes(arrived[i], frame, decode);
  }
}
