// The Internet checksum, RFC 1071: the one's complement sum of 16-bit words. Words are summed as loaded
// little-endian, which gives the wire's result without swapping (RFC 1071 section 2 B), 16 bytes at a time.

import { CONSTANTS } from "../layout/system";

/** Folds a sum to 16 bits. Adding a word to itself, halves swapped, carries end around into the high half. */
export function fold(sum: u64): u32 {
  const half = <u32>((sum + rotl<u64>(sum, 32)) >> 32);
  return (half + rotl<u32>(half, 16)) >> 16;
}

/**
 * Adds the 16-bit words of `len` bytes at `from` to `initial`; an odd last byte counts as the low half of a word.
 * The result is not folded. Any alignment, up to 64 KiB.
 */
export function sumBytes(from: usize, len: u32, initial: u64): u64 {
  let p = from;
  let rest = len;
  let sum = initial;
  if (rest >= 32) {
    const zero = v128.load(CONSTANTS);
    let low = zero;
    let high = zero;
    // Twice as much a turn in long packets: V8 checks for interrupts at every turn of a loop.
    while (rest >= 64) {
      low = v128.add<u32>(low, v128.extadd_pairwise<u16>(v128.load(p)));
      high = v128.add<u32>(high, v128.extadd_pairwise<u16>(v128.load(p, 16)));
      low = v128.add<u32>(low, v128.extadd_pairwise<u16>(v128.load(p, 32)));
      high = v128.add<u32>(high, v128.extadd_pairwise<u16>(v128.load(p, 48)));
      p += 64;
      rest -= 64;
    }
    if (rest >= 32) {
      // Each of the four 32-bit lanes gains at most 2 x 65535 a turn: no overflow below 1 MiB.
      low = v128.add<u32>(low, v128.extadd_pairwise<u16>(v128.load(p)));
      high = v128.add<u32>(high, v128.extadd_pairwise<u16>(v128.load(p, 16)));
      p += 32;
      rest -= 32;
    }
    const both = v128.add<u32>(low, high);
    sum +=
      <u64>(<u32>v128.extract_lane<u32>(both, 0)) +
      <u64>(<u32>v128.extract_lane<u32>(both, 1)) +
      <u64>(<u32>v128.extract_lane<u32>(both, 2)) +
      <u64>(<u32>v128.extract_lane<u32>(both, 3));
  }
  while (rest >= 4) {
    sum += <u64>load<u32>(p);
    p += 4;
    rest -= 4;
  }
  if (rest >= 2) {
    sum += <u64>load<u16>(p);
    p += 2;
    rest -= 2;
  }
  if (rest !== 0) sum += <u64>load<u8>(p);
  return sum;
}

/** The same for a sum below 2^32, as the headers give it. */
export function fold32(sum: u32): u32 {
  const folded = (sum >> 16) + (sum & 0xffff);
  return (folded + (folded >> 16)) & 0xffff;
}

/** The header checksum field that goes with a sum: its complement, in wire order when stored little-endian. */
export function checksumOf(sum: u64): u32 {
  return fold(sum) ^ 0xffff;
}

/** A new checksum after one 16-bit word has changed (RFC 1624, equation 3); all three as loaded little-endian. */
export function checksumUpdate(checksum: u32, before: u32, after: u32): u32 {
  return checksumOf(<u64>(checksum ^ 0xffff) + <u64>(before ^ 0xffff) + <u64>after);
}
