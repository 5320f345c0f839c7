// The Internet checksum, word by word, in network byte order, with nothing clever: RFC 1071 section 4.1's loop.
//
// The hot path sums little-endian words with SIMD, and patches sums. This one only adds, so that the two can agree
// only when both are right.

/** One's complement sum of big-endian 16-bit words, folded; an odd last byte counts as the high half of a word. */
export function sum16(...parts: readonly Uint8Array[]): number {
  let sum = 0; // exact: 64 KiB of all ones are far below 2^53
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += part[i] * 256 + (i + 1 < part.length ? part[i + 1] : 0);
  }
  while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536);
  return sum;
}

/** RFC 1071: the complement of the sum. All parts but the last must have an even length. */
export function checksum(...parts: readonly Uint8Array[]): number {
  return 0xffff - sum16(...parts);
}

/** RFC 768, 9293 (12 bytes) and RFC 8200 section 8.1 (40 bytes); which one the length of the addresses tells. */
export function pseudoHeader(src: Uint8Array, dst: Uint8Array, protocol: number, length: number): Uint8Array {
  if (src.length === 4) {
    return Uint8Array.from([...src, ...dst, 0, protocol, length >>> 8, length & 0xff]);
  }
  const bytes = [length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
  return Uint8Array.from([...src, ...dst, ...bytes, 0, 0, 0, protocol]);
}

/** RFC 1624, equation 3: the checksum after a 16-bit word of what it covers went from `before` to `after`. */
export function checksumAfter(old: number, before: number, after: number): number {
  const sum = 0xffff - old + (0xffff - before) + after;
  const once = (sum % 65536) + Math.floor(sum / 65536);
  return 0xffff - ((once % 65536) + Math.floor(once / 65536));
}

/** RFC 9260 appendix A: CRC32c, bit by bit. SCTP stores it with the least significant byte first. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}
