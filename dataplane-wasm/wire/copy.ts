// Copying, alone and together with the checksum: a byte that is copied is in a register anyway, and summing it there saves
// the second pass over the data. Any alignment, up to 64 KiB.

import { CONSTANTS } from "../layout/system";
import { halves, sumLanes } from "./checksum";

/** Copies `len` bytes of headers, at least 42: reads and writes up to 22 bytes behind the end of either. */
export function copyHeaders(to: usize, from: usize, len: u32): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
  if (len <= 64) return;
  v128.store(to, v128.load(from, 64), 64); // TCP with a timestamp
  if (len <= 80) return;
  for (let n: u32 = 80; n < len; n += 16) v128.store(to + n, v128.load(from + n));
}

/** Copies `len` bytes exactly, and adds their 16-bit words to `initial` as `sumBytes` does. */
export function copySum(to: usize, from: usize, len: u32, initial: u64): u64 {
  let source = from;
  let target = to;
  let rest = len;
  let sum = initial;
  if (rest >= 16) {
    let words = v128.load(CONSTANTS);
    let highs = words;
    let moreWords = words;
    let moreHighs = words;
    while (rest >= 64) {
      const a = v128.load(source);
      const b = v128.load(source, 16);
      const c = v128.load(source, 32);
      const d = v128.load(source, 48);
      v128.store(target, a);
      v128.store(target, b, 16);
      v128.store(target, c, 32);
      v128.store(target, d, 48);
      words = v128.add<u32>(v128.add<u32>(words, a), c);
      moreWords = v128.add<u32>(v128.add<u32>(moreWords, b), d);
      highs = v128.add<u32>(v128.add<u32>(highs, v128.shr<u32>(a, 16)), v128.shr<u32>(c, 16));
      moreHighs = v128.add<u32>(v128.add<u32>(moreHighs, v128.shr<u32>(b, 16)), v128.shr<u32>(d, 16));
      source += 64;
      target += 64;
      rest -= 64;
    }
    if (rest & 32) {
      const a = v128.load(source);
      const b = v128.load(source, 16);
      v128.store(target, a);
      v128.store(target, b, 16);
      words = v128.add<u32>(words, a);
      moreWords = v128.add<u32>(moreWords, b);
      highs = v128.add<u32>(highs, v128.shr<u32>(a, 16));
      moreHighs = v128.add<u32>(moreHighs, v128.shr<u32>(b, 16));
      source += 32;
      target += 32;
    }
    if (rest & 16) {
      const a = v128.load(source);
      v128.store(target, a);
      words = v128.add<u32>(words, a);
      highs = v128.add<u32>(highs, v128.shr<u32>(a, 16));
      source += 16;
      target += 16;
    }
    words = v128.add<u32>(words, moreWords);
    highs = v128.add<u32>(highs, moreHighs);
    sum += inline.always(sumLanes(words, highs));
  }
  if ((rest & 15) === 0) return sum;
  if (rest & 8) {
    const word = load<u64>(source);
    store<u64>(target, word);
    sum += halves(word);
    source += 8;
    target += 8;
  }
  if (rest & 4) {
    const word = load<u32>(source);
    store<u32>(target, word);
    sum += <u64>word;
    source += 4;
    target += 4;
  }
  if (rest & 2) {
    const word = load<u16>(source);
    store<u16>(target, word);
    sum += <u64>word;
    source += 2;
    target += 2;
  }
  if (rest & 1) {
    const byte = load<u8>(source);
    store<u8>(target, byte);
    sum += <u64>byte;
  }
  return sum;
}
