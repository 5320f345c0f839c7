// Frames from a VTEP that go to all ports of their network: whose destination is a group, or nobody knows where. They are never flooded
// back into the underlay (split horizon).

import { Descriptor, dropInput } from "./descriptor";
import { Drop } from "./drop";
import { emitPort } from "./emit";
import { VERDICT_FLOOD } from "./layout/descriptor";
import { FLOOD_ATTACHMENT_COUNT, FLOOD_IDS } from "./layout/lists";
import { OUTPUTS_MAX } from "./layout/maxima";
import { ATTACHMENT_FLAG_LIVE, ATTACHMENT_FLAGS, ATTACHMENT_MTU, NETWORK_FLOOD_LIST } from "./layout/networks";
import { portVirtio, portVirtioTail, VIRTIO_TOO_BIG } from "./offload";
import { attachmentPtr } from "./tables/records";

/** Gives the input its flood list, or drops it. */
export function beginFlood(input: Descriptor, net: usize): void {
  const list: usize = atomic.load<u32>(net + NETWORK_FLOOD_LIST);
  if (list === 0) {
    dropInput(input, Drop.DecapNoDestination);
    return;
  }
  input.verdict = <u8>VERDICT_FLOOD;
  input.floodList = <u32>list;
}

/** Emits copies from `cursor` on. Returns outputs | resume cursor << 32; 0 there means that all are out. */
export function floodCopies(worker: u32, index: u32, input: Descriptor, at: u32, cursor: u32): u64 {
  const list: usize = input.floodList;
  const total = load<u32>(list, FLOOD_ATTACHMENT_COUNT);
  const tail = portVirtioTail(input);
  let outputs = at;
  for (let n = cursor; n < total; n++) {
    if (outputs === OUTPUTS_MAX) return <u64>outputs | ((<u64>n) << 32);
    const id = load<u32>(list + ((<usize>n) << 2), FLOOD_IDS);
    const to = attachmentPtr(id);
    if (!(load<u32>(to, ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE)) continue;
    const virtio = portVirtio(input, load<u32>(to, ATTACHMENT_MTU));
    if (virtio === VIRTIO_TOO_BIG) input.drop = <u8>Drop.DecapTooBig;
    else emitPort(worker, outputs++, index, id, virtio, tail);
  }
  if (input.copies === 0) dropInput(input, input.drop !== Drop.None ? input.drop : Drop.DecapNoDestination);
  return outputs;
}
