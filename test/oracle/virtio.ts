// The virtio-net header as an object, and what it asks of whoever takes the frame: to finish a checksum, or to cut a
// super-frame. linux/virtio_net.h.

import { be16, readBe16 } from "../support/bytes.js";
import { PROTOCOL } from "../support/frames.js";
import { checksum, pseudoHeader, sum16 } from "./checksum.js";
import { checksumOffset, parse } from "./parse.js";

export interface Virtio {
  readonly needsCsum: boolean;
  readonly gsoType: number;
  readonly hdrLen: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
}

export const PLAIN: Virtio = { needsCsum: false, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 };

const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_ECN = 0x80; // the segment that carries CWR must stay the only one
const TCP_CWR = 0x80;

/** The frame with its checksum finished, if `virtio` says that it is not. */
export function finish(frame: Uint8Array, virtio: Virtio): Uint8Array {
  const at = virtio.csumStart + virtio.csumOffset;
  if (!virtio.needsCsum || at + 2 > frame.length) return frame;
  const finished = frame.slice();
  const sum = checksum(frame.subarray(virtio.csumStart));
  // As Linux's skb_checksum_help: 0 would mean `no checksum` to UDP, and is the same number in one's complement.
  finished.set(be16(sum === 0 ? 0xffff : sum), at);
  return finished;
}

/** The header for a frame whose transport checksum is only its pseudo-header's sum; `undefined`: it is finished. */
export function unfinished(frame: Uint8Array): Virtio | undefined {
  const parsed = parse(frame);
  const at = parsed?.ip === undefined ? undefined : checksumOffset(parsed.ip.protocol);
  if (parsed?.ip === undefined || at === undefined) return undefined;
  const { ip } = parsed;
  const whole = ip.end <= frame.length && ip.end >= ip.l4 + (ip.protocol === PROTOCOL.tcp ? 20 : 8);
  if (ip.fragment || !whole) return undefined;
  const sum = sum16(pseudoHeader(ip.src, ip.dst, ip.protocol, ip.end - ip.l4));
  if (readBe16(frame, ip.l4 + at) !== sum) return undefined;
  return { ...PLAIN, needsCsum: true, csumStart: ip.l4, csumOffset: at };
}

/**
 * A frame above the MTU of its port, as the super-frame that it is. `undefined`: nobody can cut it, since it is no TCP,
 * or its finished checksum is wrong, and new checksums would hide that.
 */
export function superFrame(frame: Uint8Array, mtu: number): { frame: Uint8Array; virtio: Virtio } | undefined {
  const parsed = parse(frame);
  if (parsed?.ip === undefined || parsed.ip.fragment || parsed.ip.protocol !== PROTOCOL.tcp) return undefined;
  const { ip, l3 } = parsed;
  if (frame.length < ip.l4 + 20) return undefined;
  const tcpLen = (frame[ip.l4 + 12] >>> 4) * 4;
  const hdrLen = ip.l4 + tcpLen;
  if (tcpLen < 20 || ip.end > frame.length || hdrLen > ip.end || hdrLen - l3 >= mtu) return undefined;
  const pseudo = pseudoHeader(ip.src, ip.dst, PROTOCOL.tcp, ip.end - ip.l4);
  if (unfinished(frame) === undefined && checksum(pseudo, frame.subarray(ip.l4, ip.end)) !== 0) return undefined;
  const marked = frame.slice();
  marked.set(be16(sum16(pseudo)), ip.l4 + 16);
  const virtio = {
    needsCsum: true,
    gsoType: (ip.version === 4 ? GSO_TCPV4 : GSO_TCPV6) | ((frame[ip.l4 + 13] & TCP_CWR) === 0 ? 0 : GSO_ECN),
    hdrLen,
    gsoSize: mtu - (hdrLen - l3),
    csumStart: ip.l4,
    csumOffset: 16,
  };
  return { frame: marked, virtio };
}
