// Underlay to overlay: datagrams from VTEPs find their ports, in the order of checks that the drop list has.
//
// Everything here came from the network and is hostile until checked. The verdicts on the last sender are kept in locals from
// one datagram to the next, because datagrams come in runs.

import { batchBegins, batchList, batchPause, batchTouch, batchTouches } from "./batch";
import { checksumUnfinished, unfinishChecksum } from "./checksums";
import { beginFlood, floodCopies } from "./decap-flood";
import { Descriptor, dropInput, inputAt, workerContext } from "./descriptor";
import { Drop } from "./drop";
import { applyEcn } from "./ecn";
import { emitPort } from "./emit";
import { fdbFind, fdbLive } from "./fdb/find";
import { fdbBucket, fdbHash } from "./fdb/hash";
import { learn } from "./fdb/learn";
import { LEARN_OWN, LEARN_STATIC_CONFLICT } from "./fdb/outcome";
import {
  DESC_FLAG_FRAGMENT,
  DESC_FLAG_OUTER,
  DESC_FLAG_TRUNCATED,
  DESC_FLAG_UNFINISHED,
  DESC_OUTER_ADDRESS,
  VERDICT_FLOOD,
  VERDICT_NONE,
  VERDICT_UNICAST,
} from "./layout/descriptor";
import {
  FDB_KIND_ATTACHMENT,
  FDB_KIND_DROP,
  FDB_KIND_VTEP,
  FDB_VALUE_ID_MASK,
  FDB_VALUE_ID_SHIFT,
  FDB_VALUE_KIND_SHIFT,
} from "./layout/fdb";
import { OUTPUTS_MAX } from "./layout/maxima";
import {
  ATTACHMENT_FLAG_LIVE,
  ATTACHMENT_FLAGS,
  ATTACHMENT_MTU,
  NETWORK_FLAG_DROP_VLAN,
  NETWORK_FLAGS,
  NETWORK_MTU,
  VNI_TABLE,
} from "./layout/networks";
import { SYSTEM_RESERVED_MASK } from "./layout/system";
import { VIRTIO_FLAG_NEEDS_CSUM } from "./layout/virtio";
import { CONTEXT_FLOOD, CONTEXT_NEXT } from "./layout/worker";
import { portVirtio, portVirtioTail, VIRTIO_TOO_BIG } from "./offload";
import { readOuter } from "./receive-outer";
import { isSuper, noteSegments, superProtocol, superSize } from "./segments";
import { accessCheck, sourceVtep } from "./tables/access";
import { attachmentPtr, networkPtr } from "./tables/records";
import { ECN_FIELD } from "./wire/ecn";
import { ETH_DST, ETH_LEN, loadMac, macIsMulticast, macIsNoSource, sourceMac } from "./wire/ethernet";
import { INNER_TAGGED, innerFlags, innerKind, innerL3, L3_NONE, parseInner } from "./wire/inner";
import { PROTOCOL_TCP } from "./wire/transport";
import { VXLAN_FLAG_I, VXLAN_FLAGS, VXLAN_LEN, vxlanVni } from "./wire/vxlan";

const NETWORK_KEY_SHIFT: u64 = 48;

/**
 * Takes inputs 0 to count - 1 of a worker and makes outputs of them.
 * @param count the same in every call of one batch, at most INPUTS_MAX
 * @returns outputs ready to send; call again while CONTEXT_PENDING is not 0
 */
export function decapBatch(worker: u32, count: u32): u32 {
  const context = workerContext(worker);
  if (batchBegins(worker, count) && batchTouches()) touchBuckets(worker, count);
  let outputs: u32 = 0;
  let next = load<u32>(context, CONTEXT_NEXT);
  let addressLow: u64 = 0;
  let addressHigh: u64 = 0;
  let vtep: u32 = 0;
  let allowedIn: u32 = 0;
  for (; next < count; next++) {
    if (outputs === OUTPUTS_MAX) {
      batchPause(context, next, load<u32>(context, CONTEXT_FLOOD));
      return outputs;
    }
    const input = inputAt(worker, next);
    if (input.verdict === VERDICT_NONE && tunnelHeaderWhole(input)) {
      const differs = (input.outerAddressHigh ^ addressHigh) | (input.outerAddressLow ^ addressLow);
      if ((differs | <u64>(vtep === 0)) !== 0) {
        vtep = sourceVtep(worker, changetype<usize>(input) + DESC_OUTER_ADDRESS);
        addressLow = input.outerAddressLow;
        addressHigh = input.outerAddressHigh;
        allowedIn = 0;
      }
      input.sourceVtep = vtep;
      const network = networkOf(input, vtep);
      if (network !== 0) {
        input.network = <u16>network;
        if (network !== allowedIn) {
          if (inline.always(accessCheck(worker, network, vtep))) allowedIn = network;
        }
        if (network === allowedIn) outputs = inline.always(decapFrame(worker, next, input, outputs, network, vtep));
        else dropInput(input, Drop.DecapVtepNotInNetwork);
      }
    }
    if (input.verdict === VERDICT_FLOOD) {
      const cursor = load<u32>(context, CONTEXT_FLOOD);
      const copied = floodCopies(worker, next, input, outputs, cursor);
      outputs = <u32>copied;
      const resumeAt = <u32>(copied >> 32);
      if (resumeAt !== 0) {
        batchPause(context, next, resumeAt);
        return outputs;
      }
      if (cursor !== 0) store<u32>(context, 0, CONTEXT_FLOOD);
    }
  }
  batchPause(context, count, 0);
  return outputs;
}

// A plain load: an aligned word is never torn, and everything it leads to is reached through it.
function networkOfVni(vni: u32): u32 {
  return <u32>load<u16>(VNI_TABLE + ((<usize>vni) << 1));
}

/** First stage for large tables: starts the cache misses of the whole batch together. */
function touchBuckets(worker: u32, count: u32): void {
  const context = workerContext(worker);
  let end = batchList(context);
  for (let n: u32 = 0; n < count; n++) {
    const input = inputAt(worker, n);
    if (input.flags & DESC_FLAG_OUTER || input.payloadLen < VXLAN_LEN + ETH_LEN) continue;
    const network = (<u64>networkOfVni(vxlanVni(input.payloadPtr))) << NETWORK_KEY_SHIFT;
    const frame: usize = input.payloadPtr + VXLAN_LEN;
    store<u32>(end, <u32>fdbBucket(fdbHash(sourceMac(frame) | network)));
    store<u32>(end, <u32>fdbBucket(fdbHash(loadMac(frame + ETH_DST) | network)), 4);
    end += 8;
  }
  batchTouch(context, end);
}

/** Checks 1 and 2: fragment, length, outer checksum. Afterwards the payload starts at the tunnel header. */
function tunnelHeaderWhole(input: Descriptor): bool {
  const flags = <u32>input.flags;
  if (flags === 0 && input.payloadLen >= VXLAN_LEN) return true;
  if (flags & DESC_FLAG_FRAGMENT) {
    dropInput(input, Drop.DecapFragment);
    return false;
  }
  if (flags & DESC_FLAG_OUTER) return readOuter(input);
  if (flags & DESC_FLAG_TRUNCATED || input.payloadLen < VXLAN_LEN) {
    dropInput(input, Drop.DecapTruncated);
    return false;
  }
  return true;
}

/** Checks 3 to 6: the sender, the flags, the VNI. Returns the network id, or 0 with the input dropped. */
function networkOf(input: Descriptor, vtep: u32): u32 {
  const tunnel: usize = input.payloadPtr;
  if (vtep === 0) {
    dropInput(input, Drop.DecapVtepNotAllowed);
    return 0;
  }
  if (!(load<u8>(tunnel, VXLAN_FLAGS) & VXLAN_FLAG_I)) {
    dropInput(input, Drop.DecapFlagIClear);
    return 0;
  }
  // RFC 7348 section 5: reserved bits are ignored on receipt, unless the operator asked otherwise.
  if (load<u64>(tunnel) & load<u64>(SYSTEM_RESERVED_MASK)) {
    dropInput(input, Drop.DecapReservedBits);
    return 0;
  }
  const network = networkOfVni(vxlanVni(tunnel));
  if (network === 0) dropInput(input, Drop.DecapUnknownVni);
  return network;
}

/** Checks 7 to 11, from the inner frame to its port. Returns the new number of outputs. */
function decapFrame(worker: u32, index: u32, input: Descriptor, outputs: u32, network: u32, vtep: u32): u32 {
  const net = networkPtr(network);
  const frame: usize = input.payloadPtr + VXLAN_LEN;
  const len = input.payloadLen - VXLAN_LEN;
  input.payloadPtr = <u32>frame;
  input.payloadLen = len;
  if (len < ETH_LEN) {
    dropInput(input, Drop.DecapInnerShort);
    return outputs;
  }
  const mtu = load<u32>(net, NETWORK_MTU);
  if (isSuper(input)) noteSegments(input, superProtocol(input), superSize(input), 0);
  else if (len > mtu + ETH_LEN) noteSegments(input, PROTOCOL_TCP, 0, mtu);
  const source = sourceMac(frame);
  if (macIsNoSource(source)) {
    dropInput(input, Drop.DecapSourceMacInvalid);
    return outputs;
  }
  const networkBits = (<u64>network) << NETWORK_KEY_SHIFT;
  const sourceKey = source | networkBits;
  const sourceHash = fdbHash(sourceKey);
  const learned = inline.always(learn(worker, net, network, sourceKey, sourceHash, FDB_KIND_VTEP, vtep));
  if (learned === LEARN_OWN) {
    dropInput(input, Drop.DecapSourceMacOwn);
    return outputs;
  }
  if (learned === LEARN_STATIC_CONFLICT) {
    dropInput(input, Drop.DecapStaticConflict);
    return outputs;
  }
  const inner = inline.always(parseInner(frame, len));
  input.inner = inner;
  // Not-ECT outside leaves every inner field as it is.
  if (<u32>input.outerTos & ECN_FIELD) {
    if (!applyEcn(worker, input, frame, inner)) {
      dropInput(input, Drop.DecapEcn);
      return outputs;
    }
  }
  if (innerFlags(inner) & INNER_TAGGED) {
    if (load<u32>(net, NETWORK_FLAGS) & NETWORK_FLAG_DROP_VLAN) {
      dropInput(input, Drop.DecapInnerVlan);
      return outputs;
    }
  }
  if (innerKind(inner) !== L3_NONE) inline.always(noteChecksum(input, frame, len, inner, mtu));
  // What we cannot see through (too many tags) may still come with a word of its sender.
  else if (<u32>input.virtio0 & VIRTIO_FLAG_NEEDS_CSUM) input.flags |= <u16>DESC_FLAG_UNFINISHED;

  const destination = loadMac(frame + ETH_DST);
  if (macIsMulticast(destination)) {
    beginFlood(input, net);
    return outputs;
  }
  const key = destination | networkBits;
  const hash = fdbHash(key);
  const value = inline.always(fdbFind(key, hash));
  if (!fdbLive(value, net)) {
    beginFlood(input, net);
    return outputs;
  }
  const kind = <u32>(value >> FDB_VALUE_KIND_SHIFT);
  const id = <u32>(value >> FDB_VALUE_ID_SHIFT) & FDB_VALUE_ID_MASK;
  input.entry = id;
  if (kind !== FDB_KIND_ATTACHMENT) {
    dropInput(input, kind === FDB_KIND_DROP ? Drop.DecapFiltered : Drop.DecapSplitHorizon);
    return outputs;
  }
  const to = attachmentPtr(id);
  if (!(load<u32>(to, ATTACHMENT_FLAGS) & ATTACHMENT_FLAG_LIVE)) {
    beginFlood(input, net);
    return outputs;
  }
  const portMtu = load<u32>(to, ATTACHMENT_MTU);
  let virtio: u64 = 0;
  let tail: u64 = 0;
  // A finished frame that fits needs no word to its receiver.
  if ((<u32>input.flags & DESC_FLAG_UNFINISHED) | <u32>(len > portMtu + ETH_LEN)) {
    virtio = portVirtio(input, portMtu);
    tail = portVirtioTail(input);
    if (virtio === VIRTIO_TOO_BIG) {
      dropInput(input, Drop.DecapTooBig);
      return outputs;
    }
  }
  input.verdict = <u8>VERDICT_UNICAST;
  inline.always(emitPort(worker, outputs, index, id, virtio, tail));
  return outputs + 1;
}

/** Marks an unfinished inner checksum; gives up the finished one of a packet that has to be cut for the ports. */
function noteChecksum(input: Descriptor, frame: usize, len: u32, inner: u64, mtu: u32): void {
  if (!(<u32>input.virtio0 & VIRTIO_FLAG_NEEDS_CSUM)) {
    if (!inline.always(checksumUnfinished(frame, inner))) {
      if (len <= mtu + innerL3(inner)) return;
      if (!unfinishChecksum(frame, inner)) return;
    }
  }
  input.flags |= <u16>DESC_FLAG_UNFINISHED;
}
