// TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260) and ICMP (RFC 792, RFC 4443): the few fields a VTEP looks at.
//
//   all but ICMP   0 source port (2) | 2 destination port (2)
//   TCP            4 sequence (4) | 8 acknowledgement (4) | 12 data offset (4 bits) | 13 flags | 14 window (2) | 16 checksum (2) |
//                  18 urgent pointer (2) | 20 options
//   UDP            4 length (2) | 6 checksum (2)
//   SCTP           4 verification tag (4) | 8 CRC32c (4) | 12 chunks

export const PROTOCOL_ICMP: u32 = 1;
export const PROTOCOL_IPV4: u32 = 4; // in IP: RFC 2003
export const PROTOCOL_TCP: u32 = 6;
export const PROTOCOL_UDP: u32 = 17;
export const PROTOCOL_IPV6: u32 = 41; // in IP: RFC 4213
export const PROTOCOL_GRE: u32 = 47;
export const PROTOCOL_ICMPV6: u32 = 58;
export const PROTOCOL_SCTP: u32 = 132;

export const PORTS_LEN: u32 = 4;
export const TCP_SEQ: usize = 4;
export const TCP_ACK: usize = TCP_SEQ + 4;
export const TCP_DATA_OFFSET: usize = 12;
export const TCP_FLAGS: usize = 13;
export const TCP_FLAG_FIN: u32 = 0x01;
export const TCP_FLAG_SYN: u32 = 0x02;
export const TCP_FLAG_RST: u32 = 0x04;
export const TCP_FLAG_PSH: u32 = 0x08;
export const TCP_FLAG_URG: u32 = 0x20;
export const TCP_FLAG_CWR: u32 = 0x80;
export const TCP_CHECKSUM: usize = 16;
export const TCP_URGENT: usize = TCP_CHECKSUM + 2;
export const TCP_LEN: u32 = 20;
export const UDP_SRC_PORT: usize = 0;
export const UDP_DST_PORT: usize = UDP_SRC_PORT + 2;
export const UDP_LENGTH: usize = UDP_DST_PORT + 2;
export const UDP_CHECKSUM: usize = UDP_LENGTH + 2;
export const UDP_LEN: u32 = 8;
export const SCTP_CHECKSUM: usize = 8;
export const SCTP_LEN: u32 = 12;

export function hasPorts(protocol: u32): bool {
  // Without a branch: which of them it is changes from frame to frame.
  return <bool>(
    (<u32>(protocol === PROTOCOL_TCP) | <u32>(protocol === PROTOCOL_UDP) | <u32>(protocol === PROTOCOL_SCTP))
  );
}

/** Header length of the TCP segment at `p`, 0 if its offset is out of range. */
export function tcpHeaderLen(p: usize): u32 {
  const len = (<u32>load<u8>(p, TCP_DATA_OFFSET) >> 4) << 2;
  return len >= TCP_LEN ? len : 0;
}
