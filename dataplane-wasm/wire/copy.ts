// Copying, alone and together with the checksum: a byte that is copied is in a register anyway, and summing it there saves
// the second pass over the data. Any alignment, up to 64 KiB.

import { CONSTANTS } from "../layout/system";

/** Copies `len` bytes in steps of 16: reads and writes up to 15 bytes behind the end of either. */
export function copyWide(to: usize, from: usize, len: u32): void {
  for (let n: u32 = 0; n < len; n += 16) v128.store(to + n, v128.load(from + n));
}

/** Copies `len` bytes exactly, and adds their 16-bit words to `initial` as `sumBytes` does. */
export function copySum(to: usize, from: usize, len: u32, initial: u64): u64 {
  let source = from;
  let target = to;
  let rest = len;
  let sum = initial;
  if (rest >= 16) {
    const zero = v128.load(CONSTANTS);
    let low = zero;
    let high = zero;
    while (rest >= 64) {
      const a = v128.load(source);
      const b = v128.load(source, 16);
      const c = v128.load(source, 32);
      const d = v128.load(source, 48);
      v128.store(target, a);
      v128.store(target, b, 16);
      v128.store(target, c, 32);
      v128.store(target, d, 48);
      low = v128.add<u32>(low, v128.extadd_pairwise<u16>(a));
      high = v128.add<u32>(high, v128.extadd_pairwise<u16>(b));
      low = v128.add<u32>(low, v128.extadd_pairwise<u16>(c));
      high = v128.add<u32>(high, v128.extadd_pairwise<u16>(d));
      source += 64;
      target += 64;
      rest -= 64;
    }
    while (rest >= 16) {
      const a = v128.load(source);
      v128.store(target, a);
      low = v128.add<u32>(low, v128.extadd_pairwise<u16>(a));
      source += 16;
      target += 16;
      rest -= 16;
    }
    const both = v128.add<u32>(low, high);
    sum +=
      <u64>(<u32>v128.extract_lane<u32>(both, 0)) +
      <u64>(<u32>v128.extract_lane<u32>(both, 1)) +
      <u64>(<u32>v128.extract_lane<u32>(both, 2)) +
      <u64>(<u32>v128.extract_lane<u32>(both, 3));
  }
  while (rest >= 4) {
    const word = load<u32>(source);
    store<u32>(target, word);
    sum += <u64>word;
    source += 4;
    target += 4;
    rest -= 4;
  }
  if (rest >= 2) {
    const word = load<u16>(source);
    store<u16>(target, word);
    sum += <u64>word;
    source += 2;
    target += 2;
    rest -= 2;
  }
  if (rest !== 0) {
    const byte = load<u8>(source);
    store<u8>(target, byte);
    sum += <u64>byte;
  }
  return sum;
}
