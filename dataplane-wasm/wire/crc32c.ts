// CRC32c, the checksum of SCTP: RFC 9260 appendix A. A byte at a time by a table of the 256 remainders, which `initialise` writes: a
// module that several threads share brings no data of its own.

import { CRC_TABLE } from "../layout/system";

const POLYNOMIAL: u32 = 0x82f63b78; // reflected: the lowest bit is the highest power
const ALL_ONES: u32 = 0xffffffff;

export function writeCrcTable(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    store<u32>(CRC_TABLE + ((<usize>byte) << 2), remainder);
  }
}

/** As the wire has it when stored little-endian. */
export function crc32c(from: usize, len: u32): u32 {
  let crc = ALL_ONES;
  const end = from + len;
  for (let p = from; p < end; p++) {
    crc = (crc >> 8) ^ load<u32>(CRC_TABLE + ((<usize>((crc ^ <u32>load<u8>(p)) & 0xff)) << 2));
  }
  return crc ^ ALL_ONES;
}
