// Socket addresses: from the 16-byte form that control uses everywhere (wire order, IPv4 mapped) to the kernel's.

import { ADDRESS_LEN, isMapped } from "../address.js";
import { AF_INET, AF_INET6 } from "./constants.js";
import { SIN_ADDR, SIN_FAMILY, SIN_PORT, SIN6_ADDR, SOCKADDR_IN_SIZE, SOCKADDR_IN6_SIZE } from "./structs.js";

export const IPV4_LEN = 4;
/** Where the IPv4 address lies in a mapped one. */
const MAPPED_OFFSET = ADDRESS_LEN - IPV4_LEN;

export type Family = typeof AF_INET | typeof AF_INET6;

export function familyOf(address: Uint8Array): Family {
  return isMapped(address) ? AF_INET : AF_INET6;
}

/** struct sockaddr_in or sockaddr_in6. @param port host order */
export function socketAddress(address: Uint8Array, port: number): Buffer {
  const family = familyOf(address);
  const bytes = Buffer.alloc(family === AF_INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE);
  bytes.writeUInt16LE(family, SIN_FAMILY);
  bytes.writeUInt16BE(port, SIN_PORT);
  bytes.set(nativeAddress(address), family === AF_INET ? SIN_ADDR : SIN6_ADDR);
  return bytes;
}

/** The 4 or 16 bytes of the address's own family. */
export function nativeAddress(address: Uint8Array): Uint8Array {
  return isMapped(address) ? address.subarray(MAPPED_OFFSET) : address;
}

/** Back: 4 or 16 bytes to 16 bytes, IPv4 mapped. */
export function mapAddress(native: Uint8Array): Uint8Array {
  const address = new Uint8Array(ADDRESS_LEN);
  if (native.length === IPV4_LEN) address.fill(0xff, MAPPED_OFFSET - 2, MAPPED_OFFSET);
  address.set(native, native.length === IPV4_LEN ? MAPPED_OFFSET : 0);
  return address;
}
