// Bytes to and from the text that people write: MACs, addresses, big-endian numbers.
//
// Used by the frame builders, the decoders and the oracle. Nothing here knows a packet.

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function be16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function be32(value: number): number[] {
  return [...be16(value >>> 16), ...be16(value & 0xffff)];
}

export function readBe16(bytes: Uint8Array, at: number): number {
  return bytes[at] * 256 + bytes[at + 1];
}

export function readBe32(bytes: Uint8Array, at: number): number {
  return readBe16(bytes, at) * 65536 + readBe16(bytes, at + 2);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** `02:00:00:00:00:01` to 6 bytes. */
export function mac(text: string): Uint8Array {
  const bytes = Uint8Array.from(text.split(":").map((part) => Number.parseInt(part, 16)));
  if (bytes.length !== 6) throw new Error(`${text} is not a MAC`);
  return bytes;
}

export function macText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** An IPv4 address to 4 bytes, an IPv6 address to 16. */
export function ip(text: string): Uint8Array {
  if (!text.includes(":")) {
    const bytes = Uint8Array.from(text.split(".").map(Number));
    if (bytes.length !== 4) throw new Error(`${text} is not an address`);
    return bytes;
  }
  const [head, tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill("0");
  return concat(...[...left, ...zeros, ...right].map((group) => be16(Number.parseInt(group, 16))));
}

export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  return [0, 2, 4, 6, 8, 10, 12, 14].map((at) => readBe16(bytes, at).toString(16)).join(":");
}

/** The 16-byte form that the memory holds: IPv6 as it is, IPv4 mapped (RFC 4291 section 2.5.5.2). */
export function mapped(address: Uint8Array): Uint8Array {
  return address.length === 16 ? address : concat(new Uint8Array(10), [0xff, 0xff], address);
}

/** `length` bytes that differ from their neighbours and from `seed` to `seed`. */
export function filler(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
