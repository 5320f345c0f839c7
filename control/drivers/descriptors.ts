// Input descriptors, as every driver fills them: the real ones and the doubles. The stores are whole words, in the
// order of the descriptor.

import {
  DESC_ATTACHMENT,
  DESC_BUFFER_PTR,
  DESC_HEADER_LEN,
  DESC_OUTER_ADDRESS,
  DESC_OUTER_PORT,
  DESC_PAYLOAD_LEN,
  DESC_PAYLOAD_PTR,
  DESC_VERDICT,
  DESC_VIRTIO,
  VIRTIO_FLAG_NEEDS_CSUM,
  VIRTIO_GSO_UDP_L4,
  VIRTIO_LEN,
} from "../../dataplane-wasm/layout.js";
import { UDP_CHECKSUM } from "./outer.js";

// A word that holds several fields: VERDICT | DROP | FLAGS.
const WORD_HEADER_LEN = DESC_HEADER_LEN >>> 2;
const WORD_PAYLOAD_PTR = DESC_PAYLOAD_PTR >>> 2;
const WORD_PAYLOAD_LEN = DESC_PAYLOAD_LEN >>> 2;
const WORD_BUFFER_PTR = DESC_BUFFER_PTR >>> 2;
const WORD_ATTACHMENT = DESC_ATTACHMENT >>> 2;
const WORD_VERDICT = DESC_VERDICT >>> 2;
const FLAGS_SHIFT = 16; // of DESC_FLAGS in its word
const WORD_OUTER = DESC_OUTER_PORT >>> 2;
const TOS_SHIFT = 16;
const TTL_SHIFT = 24;
const WORD_ADDRESS = DESC_OUTER_ADDRESS >>> 2;
const WORD_VIRTIO = DESC_VIRTIO >>> 2;
const GSO_TYPE_SHIFT = 8; // in the header's first word
const CSUM_START_SHIFT = 16; // in the second

/**
 * The fields that every input has. What the batch functions clear when a batch begins is left to them.
 * @param word index of the descriptor's first word in `u32`
 * @param bufferPtr address of its packet buffer
 * @param attachment ingress attachment, 0 from the underlay
 * @param flags DESC_FLAG_*
 */
export function writeInput(
  u32: Uint32Array,
  word: number,
  bufferPtr: number,
  payloadPtr: number,
  payloadLen: number,
  attachment: number,
  flags: number,
): void {
  u32[word + WORD_HEADER_LEN] = 0;
  u32[word + WORD_PAYLOAD_PTR] = payloadPtr;
  u32[word + WORD_PAYLOAD_LEN] = payloadLen;
  u32[word + WORD_BUFFER_PTR] = bufferPtr;
  u32[word + WORD_ATTACHMENT] = attachment;
  u32[word + WORD_VERDICT] = flags << FLAGS_SHIFT;
}

/** Source port (host order), TOS and TTL of the outer header. */
export function writeOuter(u32: Uint32Array, word: number, port: number, tos: number, ttl: number): void {
  u32[word + WORD_OUTER] = port | (tos << TOS_SHIFT) | (ttl << TTL_SHIFT);
}

/** The outer source address: four words as they lie in memory (wire order), IPv4 mapped. */
export function writeOuterAddress(u32: Uint32Array, word: number, a: number, b: number, c: number, d: number): void {
  u32[word + WORD_ADDRESS] = a;
  u32[word + WORD_ADDRESS + 1] = b;
  u32[word + WORD_ADDRESS + 2] = c;
  u32[word + WORD_ADDRESS + 3] = d;
}

/** A virtio-net header that says nothing: what comes from a socket is finished as far as the socket knows. */
export function clearVirtio(u32: Uint32Array, word: number): void {
  for (let i = 0; i < VIRTIO_LEN >>> 2; i++) u32[word + WORD_VIRTIO + i] = 0;
}

/** The virtio-net header of a UDP super-frame. @param size data bytes of each segment. @param l4 where its UDP header begins */
export function writeUdpSuper(u32: Uint32Array, word: number, size: number, l4: number): void {
  u32[word + WORD_VIRTIO] = VIRTIO_FLAG_NEEDS_CSUM | (VIRTIO_GSO_UDP_L4 << GSO_TYPE_SHIFT);
  u32[word + WORD_VIRTIO + 1] = size | (l4 << CSUM_START_SHIFT);
  u32[word + WORD_VIRTIO + 2] = UDP_CHECKSUM;
}
