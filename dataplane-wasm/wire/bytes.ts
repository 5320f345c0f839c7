// Loads and stores in network byte order. Unmarked loads elsewhere are little-endian, WebAssembly's own order.

/** A 16-bit word in wire order, as a number. */
export function loadBe16(p: usize): u32 {
  return bswap<u16>(load<u16>(p));
}

export function storeBe16(p: usize, value: u32): void {
  store<u16>(p, bswap<u16>(<u16>value));
}

/** A 16-bit number as a load of its wire form would give it: what checksums add up. */
export function asWire16(value: u32): u32 {
  return bswap<u16>(<u16>value);
}
