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
 * The result is not folded: it is one of many that fold to the same. Any alignment, up to 64 KiB.
 */
export function sumBytes(from: usize, len: u32, initial: u64): u64 {
  let p = from;
  let rest = len;
  let sum = initial;
  if (rest >= 32) {
    let words = v128.load(CONSTANTS);
    let highs = words;
    let moreWords = words;
    let moreHighs = words;
    // Much a turn: V8 checks for interrupts at every turn of a loop, and so the rest goes without one.
    while (rest >= 64) {
      const a = v128.load(p);
      const b = v128.load(p, 16);
      const c = v128.load(p, 32);
      const d = v128.load(p, 48);
      words = v128.add<u32>(v128.add<u32>(words, a), c);
      moreWords = v128.add<u32>(v128.add<u32>(moreWords, b), d);
      highs = v128.add<u32>(v128.add<u32>(highs, v128.shr<u32>(a, 16)), v128.shr<u32>(c, 16));
      moreHighs = v128.add<u32>(v128.add<u32>(moreHighs, v128.shr<u32>(b, 16)), v128.shr<u32>(d, 16));
      p += 64;
      rest -= 64;
    }
    if (rest & 32) {
      const a = v128.load(p);
      const b = v128.load(p, 16);
      words = v128.add<u32>(words, a);
      moreWords = v128.add<u32>(moreWords, b);
      highs = v128.add<u32>(highs, v128.shr<u32>(a, 16));
      moreHighs = v128.add<u32>(moreHighs, v128.shr<u32>(b, 16));
      p += 32;
    }
    words = v128.add<u32>(words, moreWords);
    highs = v128.add<u32>(highs, moreHighs);
    sum += inline.always(sumLanes(words, highs));
  }
  if (rest & 16) {
    sum += halves(load<u64>(p)) + halves(load<u64>(p, 8));
    p += 16;
  }
  if (rest & 8) {
    sum += halves(load<u64>(p));
    p += 8;
  }
  if (rest & 4) {
    sum += <u64>load<u32>(p);
    p += 4;
  }
  if (rest & 2) {
    sum += <u64>load<u16>(p);
    p += 2;
  }
  if (rest & 1) sum += <u64>load<u8>(p);
  return sum;
}

/**
 * What two vectors say of the words that went into them: `words` their pairs added up as 32-bit lanes, carries lost, and `highs` the
 * high words of the pairs alone. The low ones add up to the difference, and no lane of either sum overflows below 1 MiB.
 */
export function sumLanes(words: v128, highs: v128): u64 {
  const lows = v128.sub<u32>(words, v128.shl<u32>(highs, 16));
  const sums = v128.add<u32>(lows, highs);
  // Two lanes as one u64 fold to their sum, as 2^32 folds to 1.
  const both = v128.add<u32>(sums, v128.shuffle<u32>(sums, sums, 2, 3, 0, 1));
  return v128.extract_lane<u64>(both, 0);
}

/** The two 32-bit halves added: what a longer sum may take in one step. */
export function halves(word: u64): u64 {
  return (word >> 32) + (word & 0xffffffff);
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
