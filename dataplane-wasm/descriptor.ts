// The descriptor as the batch functions see it, and where a worker's descriptors lie.

import {
  DESC_ATTACHMENT,
  DESC_BUFFER_PTR,
  DESC_CHAIN,
  DESC_COPIES,
  DESC_DROP,
  DESC_ENTRY,
  DESC_FAILED,
  DESC_FLAGS,
  DESC_FLOOD_LIST,
  DESC_GROUP,
  DESC_HEADER_LEN,
  DESC_HEADER_PTR,
  DESC_INNER,
  DESC_NETWORK,
  DESC_ORIGIN,
  DESC_OUTER_ADDRESS,
  DESC_OUTER_PORT,
  DESC_OUTER_TOS,
  DESC_OUTER_TTL,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_PAYLOAD_SUM,
  DESC_RESULT,
  DESC_SEGMENT_HEADERS,
  DESC_SEGMENTS,
  DESC_SOURCE_VTEP,
  DESC_TARGET,
  DESC_TARGET_KIND,
  DESC_TRAIN_SEGMENTS,
  DESC_TRAIN_SIZE,
  DESC_VERDICT,
  DESC_VIRTIO,
  VERDICT_DROP,
} from "./layout/descriptor";
import {
  DESC_SIZE,
  HEADER_SLOT_SIZE,
  WORKER_HEADERS,
  WORKER_INPUTS,
  WORKER_OUTPUTS,
  WORKER_SIZE,
  WORKERS,
} from "./layout/worker";

/** A view of 128 bytes of shared memory: `changetype<Descriptor>(address)`. Never constructed. */
@unmanaged
export class Descriptor {
  headerPtr: u32;
  headerLen: u32;
  payloadPtr: u32;
  payloadLen: u32;
  bufferPtr: u32;
  attachment: u32;
  network: u16;
  group: u16;
  outerPort: u16;
  outerTos: u8;
  outerTtl: u8;
  outerAddressLow: u64;
  outerAddressHigh: u64;
  verdict: u8;
  drop: u8;
  flags: u16;
  entry: u32;
  target: u32;
  targetKind: u8;
  result: u8;
  origin: u16;
  virtio0: u64;
  virtio1: u64;
  virtio2: u64;
  inner: u64;
  payloadSum: u64;
  floodList: u32;
  sourceVtep: u32;
  copies: u32;
  segments: u16;
  segmentHeaders: u16;
  chain: u16;
  trainSize: u16;
  failed: u16;
  trainSegments: u16;
}

/** Fails the build where the class and layout/descriptor.ts disagree. Holds no code. */
export function checkDescriptor(): void {
  if (offsetof<Descriptor>() !== DESC_SIZE) ERROR("Descriptor: size");
  if (offsetof<Descriptor>("headerPtr") !== DESC_HEADER_PTR) ERROR("headerPtr");
  if (offsetof<Descriptor>("headerLen") !== DESC_HEADER_LEN) ERROR("headerLen");
  if (offsetof<Descriptor>("payloadPtr") !== DESC_PAYLOAD_PTR) ERROR("payloadPtr");
  if (offsetof<Descriptor>("payloadLen") !== DESC_PAYLOAD_LEN) ERROR("payloadLen");
  if (offsetof<Descriptor>("bufferPtr") !== DESC_BUFFER_PTR) ERROR("bufferPtr");
  if (offsetof<Descriptor>("attachment") !== DESC_ATTACHMENT) ERROR("attachment");
  if (offsetof<Descriptor>("network") !== DESC_NETWORK) ERROR("network");
  if (offsetof<Descriptor>("group") !== DESC_GROUP) ERROR("group");
  if (offsetof<Descriptor>("outerPort") !== DESC_OUTER_PORT) ERROR("outerPort");
  if (offsetof<Descriptor>("outerTos") !== DESC_OUTER_TOS) ERROR("outerTos");
  if (offsetof<Descriptor>("outerTtl") !== DESC_OUTER_TTL) ERROR("outerTtl");
  if (offsetof<Descriptor>("outerAddressLow") !== DESC_OUTER_ADDRESS) ERROR("outerAddress");
  if (offsetof<Descriptor>("verdict") !== DESC_VERDICT) ERROR("verdict");
  if (offsetof<Descriptor>("drop") !== DESC_DROP) ERROR("drop");
  if (offsetof<Descriptor>("flags") !== DESC_FLAGS) ERROR("flags");
  if (offsetof<Descriptor>("entry") !== DESC_ENTRY) ERROR("entry");
  if (offsetof<Descriptor>("target") !== DESC_TARGET) ERROR("target");
  if (offsetof<Descriptor>("targetKind") !== DESC_TARGET_KIND) ERROR("targetKind");
  if (offsetof<Descriptor>("result") !== DESC_RESULT) ERROR("result");
  if (offsetof<Descriptor>("origin") !== DESC_ORIGIN) ERROR("origin");
  if (offsetof<Descriptor>("virtio0") !== DESC_VIRTIO) ERROR("virtio");
  if (offsetof<Descriptor>("inner") !== DESC_INNER) ERROR("inner");
  if (offsetof<Descriptor>("payloadSum") !== DESC_PAYLOAD_SUM) ERROR("payloadSum");
  if (offsetof<Descriptor>("floodList") !== DESC_FLOOD_LIST) ERROR("floodList");
  if (offsetof<Descriptor>("sourceVtep") !== DESC_SOURCE_VTEP) ERROR("sourceVtep");
  if (offsetof<Descriptor>("copies") !== DESC_COPIES) ERROR("copies");
  if (offsetof<Descriptor>("segments") !== DESC_SEGMENTS) ERROR("segments");
  if (offsetof<Descriptor>("segmentHeaders") !== DESC_SEGMENT_HEADERS) ERROR("segmentHeaders");
  if (offsetof<Descriptor>("chain") !== DESC_CHAIN) ERROR("chain");
  if (offsetof<Descriptor>("trainSize") !== DESC_TRAIN_SIZE) ERROR("trainSize");
  if (offsetof<Descriptor>("failed") !== DESC_FAILED) ERROR("failed");
  if (offsetof<Descriptor>("trainSegments") !== DESC_TRAIN_SEGMENTS) ERROR("trainSegments");
}

export function workerContext(worker: u32): usize {
  return WORKERS + <usize>worker * WORKER_SIZE;
}

export function inputAt(worker: u32, index: u32): Descriptor {
  return changetype<Descriptor>(workerContext(worker) + WORKER_INPUTS + <usize>index * DESC_SIZE);
}

export function outputAt(worker: u32, index: u32): Descriptor {
  return changetype<Descriptor>(workerContext(worker) + WORKER_OUTPUTS + <usize>index * DESC_SIZE);
}

/** Where the header of output `index` ends when it cannot lie in front of the payload. */
export function headerSlotEnd(worker: u32, index: u32): usize {
  return workerContext(worker) + WORKER_HEADERS + <usize>(index + 1) * HEADER_SLOT_SIZE;
}

/** Decides that an input goes nowhere. */
export function dropInput(input: Descriptor, reason: u32): void {
  input.verdict = <u8>VERDICT_DROP;
  input.drop = <u8>reason;
}
