// A look at the frame inside a datagram, for what the kernel leaves open about it: how far does its IP packet reach?

/* From IEEE 802.1Q, RFC 791 and RFC 8200 */
const ETHERTYPE = 12;
const TAG_LEN = 4;
const TAGS_MAX = 2;
const ETHERTYPE_LEN = 2;
const ETHERTYPE_VLAN = 0x8100;
const ETHERTYPE_QINQ = 0x88a8;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV4_IHL = 15; // of the first byte
const IPV4_WORD = 4;
const IPV4_TOTAL_LEN = 2;
const IPV6_PAYLOAD_LEN = 4;
const IPV6_LEN = 40;

/**
 * Where the transport header begins of an IP packet that fills all `length` bytes of the Ethernet frame at `frame`: bytes from the
 * frame's begin; 0 if it does not fill them.
 */
export function filledL4(u8: Uint8Array, frame: number, length: number): number {
  let at = frame + ETHERTYPE;
  let type = be16(u8, at);
  for (let tags = 0; tags < TAGS_MAX && (type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ); tags++) {
    at += TAG_LEN;
    type = be16(u8, at);
  }
  const packet = at + ETHERTYPE_LEN;
  const before = packet - frame;
  // Behind a shorter one lies whatever was in the buffer before.
  if (before + IPV6_LEN > length) return 0;
  if (type === ETHERTYPE_IPV4 && before + be16(u8, packet + IPV4_TOTAL_LEN) === length) {
    return before + (u8[packet] & IPV4_IHL) * IPV4_WORD;
  }
  const isFilled = type === ETHERTYPE_IPV6 && before + IPV6_LEN + be16(u8, packet + IPV6_PAYLOAD_LEN) === length;
  return isFilled ? before + IPV6_LEN : 0;
}

function be16(u8: Uint8Array, at: number): number {
  return (u8[at] << 8) | u8[at + 1];
}
