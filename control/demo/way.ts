// Follows one ping through the tunnel: catches it before, on the wire and after, both ways, and checks that the frame
// that comes out is the one that went in.

import { setTimeout as sleep } from "node:timers/promises";
import { decodeOuter, isEcho, isVxlan, type Outer } from "./decode.js";
import { type Demo, type Side, UNDERLAY, VNI, VXLAN_PORT } from "./hosts.js";
import type { CaughtFrame } from "./lab/frames.js";

export interface Way {
  from: "a" | "b";
  /** As the sender's stack gave it to its overlay interface. */
  before: Uint8Array;
  /** As it passed the underlay. */
  wire: Uint8Array;
  outer: Outer;
  /** As the receiver's stack got it. */
  after: Uint8Array;
}

/** The ways of an echo request from a to b and of its reply. @throws if a frame is missing, or was changed */
export async function followPing({ a, b }: Demo): Promise<[request: Way, reply: Way]> {
  const watch = async ({ agent, device }: Side) => agent.call("capture", [device, UNDERLAY]);
  const [captureA, captureB] = await Promise.all([watch(a), watch(b)]);
  const [time] = await a.agent.call("ping", { address: b.overlay });
  await sleep(50);
  const [atA, atB] = await Promise.all([a.agent.call("caught", captureA), b.agent.call("caught", captureB)]);
  if (time === null || time === undefined) throw new Error("the ping to be followed got no answer");
  return [way("a", a, atA, b, atB, true), way("b", b, atB, a, atA, false)];
}

function way(
  from: "a" | "b",
  sender: Side,
  atSender: CaughtFrame[],
  receiver: Side,
  atReceiver: CaughtFrame[],
  request: boolean,
): Way {
  const find = (frames: CaughtFrame[], device: string, outgoing: boolean, passes: (data: Uint8Array) => boolean) => {
    const found = frames.find(
      (frame) => frame.interface === device && frame.outgoing === outgoing && passes(frame.data),
    );
    if (found !== undefined) return found;
    throw new Error(
      `the ${request ? "request" : "reply"} was not seen ${outgoing ? "leaving" : "arriving at"} ${device}`,
    );
  };
  const isInside = (data: Uint8Array) => isVxlan(data, VXLAN_PORT) && isEcho(decodeOuter(data, true).inner, request);
  const before = find(atSender, sender.device, true, (data) => isEcho(data, request)).data;
  // The receiving end: there the packet is as the wire delivered it.
  const wire = find(atReceiver, UNDERLAY, false, isInside);
  const after = find(atReceiver, receiver.device, false, (data) => isEcho(data, request)).data;
  const outer = decodeOuter(wire.data, wire.checksumPending);
  if (!outer.right) throw new Error(`an outer header from ${from} is wrong: ${JSON.stringify(outer.headers)}`);
  if (outer.vni !== VNI) throw new Error(`the outer header from ${from} names VNI ${outer.vni}`);
  if (!same(before, outer.inner))
    throw new Error(`the frame inside the packet from ${from} is not the one that was sent`);
  if (!same(before, after)) throw new Error(`the frame from ${from} came out changed`);
  return { from, before, wire: wire.data, outer, after };
}

const same = (left: Uint8Array, right: Uint8Array) => Buffer.compare(left, right) === 0;
