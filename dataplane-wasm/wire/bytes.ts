// Loads and stores in network byte order. Unmarked loads elsewhere are little-endian, WebAssembly's own order.

/** A 16-bit word in wire order, as a number. */
export function loadBe16(p: usize): u32 {
  return asWire16(<u32>load<u16>(p));
}

/** A 32-bit word in wire order, as a number. */
export function loadBe32(p: usize): u32 {
  return bswap<u32>(load<u32>(p));
}

export function storeBe16(p: usize, value: u32): void {
  store<u16>(p, <u16>asWire16(value));
}

/** A number below 2^16 as a load of its wire form would give it: what checksums add up. Its own inverse. */
export function asWire16(value: u32): u32 {
  return ((value << 8) | (value >> 8)) & 0xffff;
}
