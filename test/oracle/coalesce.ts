// Coalescing by the book: frames of one flow, in the order in which they came, become super-frames, and a super-frame is
// cut back into the frames that it stands for. Written from Linux's rules (net/core/gro.c, net/ipv4/tcp_offload.c, udp_offload.c)
// as plain objects and byte arrays; nothing here knows a descriptor.

import { concat } from "../support/bytes.js";
import { PROTOCOL, TCP_FLAG } from "../support/frames.js";
import { checksum, pseudoHeader, sum16 } from "./checksum.js";
import { parse } from "./parse.js";

export interface SuperFrame {
  /** Indices of the frames that it consists of. */
  readonly members: number[];
  readonly frame: Uint8Array;
  /** Data bytes of each segment; undefined: one frame, as it came. */
  readonly gsoSize?: number;
}

interface View {
  readonly frame: Uint8Array;
  readonly l3: number;
  readonly l4: number;
  readonly isV4: boolean;
  readonly protocol: number;
  readonly headers: number;
  readonly data: Uint8Array;
}

interface Chain {
  readonly members: number[];
  readonly views: View[];
  isOpen: boolean;
}

const word = (bytes: Uint8Array, at: number) => bytes[at] * 256 + bytes[at + 1];
const long = (bytes: Uint8Array, at: number) => word(bytes, at) * 65536 + word(bytes, at + 2);
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const flags = ({ frame, l4 }: View) => frame[l4 + 13];

/** What leaves for one port, in order. `ports[i]`: where frame i goes. */
export function coalesce(frames: readonly Uint8Array[], ports: readonly number[], mtu: number): SuperFrame[] {
  const chains: Chain[] = [];
  const byFlow = new Map<string, Chain>();
  frames.forEach((frame, index) => {
    const key = flowOf(frame, ports[index]);
    const view = viewOf(frame, mtu);
    const open = key === undefined ? undefined : byFlow.get(key);
    if (open?.isOpen && view !== undefined && follows(open, view)) {
      open.members.push(index);
      open.views.push(view);
      open.isOpen = view.data.length === open.views[0].data.length && !isLast(view);
      return;
    }
    if (open !== undefined) open.isOpen = false;
    const chain = {
      members: [index],
      views: view === undefined ? [] : [view],
      isOpen: view !== undefined && !isLast(view),
    };
    chains.push(chain);
    if (key !== undefined) byFlow.set(key, chain);
  });
  return chains.map(({ members, views }) =>
    members.length === 1
      ? { members, frame: frames[members[0]] }
      : { members, frame: joined(views), gsoSize: views[0].data.length },
  );
}

/** TCP and UDP with ports to read; anything else has no order to keep with them. */
function flowOf(frame: Uint8Array, port: number): string | undefined {
  const parsed = parse(frame);
  if (parsed?.ip === undefined || parsed.ip.fragment) return undefined;
  const { protocol, l4 } = parsed.ip;
  if (protocol !== PROTOCOL.tcp && protocol !== PROTOCOL.udp) return undefined;
  if (frame.length < l4 + 4) return undefined;
  const isV4 = frame[parsed.l3] >>> 4 === 4;
  const addresses = frame.subarray(parsed.l3 + (isV4 ? 12 : 8), parsed.l3 + (isV4 ? 20 : 40));
  return [port, ...frame.subarray(0, parsed.l3), "|", ...addresses, "|", protocol, ...frame.subarray(l4, l4 + 4)].join(
    " ",
  );
}

function viewOf(frame: Uint8Array, mtu: number): View | undefined {
  const parsed = parse(frame);
  if (parsed?.ip === undefined || parsed.ip.fragment || frame.length - parsed.l3 > mtu) return undefined;
  const { l3 } = parsed;
  const { protocol, l4, end } = parsed.ip;
  const isV4 = frame[l3] >>> 4 === 4;
  if (end !== frame.length || l4 - l3 !== (isV4 ? 20 : 40)) return undefined;
  const whole = end - l4;
  if (protocol === PROTOCOL.udp) {
    if (whole <= 8 || word(frame, l4 + 4) !== whole || word(frame, l4 + 6) === 0) return undefined;
  } else if (protocol !== PROTOCOL.tcp || whole < 20) {
    return undefined;
  }
  const length = protocol === PROTOCOL.udp ? 8 : (frame[l4 + 12] >>> 4) * 4;
  if (protocol === PROTOCOL.tcp) {
    if (length < 20 || length >= whole) return undefined;
    if (frame[l4 + 13] & (TCP_FLAG.syn | TCP_FLAG.rst | TCP_FLAG.urg | TCP_FLAG.cwr)) return undefined;
  }
  return { frame, l3, l4, isV4, protocol, headers: l4 + length, data: frame.subarray(l4 + length) };
}

function isLast(view: View): boolean {
  return view.protocol === PROTOCOL.tcp && (flags(view) & (TCP_FLAG.psh | TCP_FLAG.fin)) !== 0;
}

function follows({ views }: Chain, view: View): boolean {
  const [head] = views;
  const { frame, l3, l4 } = view;
  const part = (of: View, from: number, to: number) => of.frame.subarray(from, to);
  const size = head.data.length;
  if (view.data.length > size || view.headers !== head.headers) return false;
  const data = views.reduce((sum, { data }) => sum + data.length, 0) + view.data.length;
  if (head.headers - l3 + data > 65535) return false;
  if (view.isV4) {
    const shared = [
      [l3, l3 + 2],
      [l3 + 6, l3 + 9],
    ];
    if (shared.some(([from, to]) => !same(part(view, from, to), part(head, from, to)))) return false;
    const [first, id] = [word(head.frame, l3 + 4), word(frame, l3 + 4)];
    const isFixed = word(frame, l3 + 6) === 0x4000 && id === first;
    if (id !== (first + views.length) % 65536 && !isFixed) return false;
  } else {
    if (!same(part(view, l3, l3 + 4), part(head, l3, l3 + 4)) || frame[l3 + 7] !== head.frame[l3 + 7]) return false;
  }
  if (view.protocol === PROTOCOL.tcp) {
    const before = data - view.data.length;
    if (long(frame, l4 + 4) !== (long(head.frame, l4 + 4) + before) % 2 ** 32) return false;
    const ending = TCP_FLAG.psh | TCP_FLAG.fin;
    if ((flags(view) & ~ending) !== (flags(head) & ~ending)) return false;
    const shared = [
      [l4 + 8, l4 + 13],
      [l4 + 14, l4 + 16],
      [l4 + 18, view.headers],
    ];
    if (shared.some(([from, to]) => !same(part(view, from, to), part(head, from, to)))) return false;
  } else if (views.length >= 64) {
    return false;
  }
  return holds(view) && holds(head);
}

/** The IPv4 header's checksum is right; the transport's is, too, or is the pseudo-header's sum alone. */
function holds({ frame, l4, isV4, l3, protocol }: View): boolean {
  if (isV4 && checksum(frame.subarray(l3, l4)) !== 0) return false;
  const pseudo = pseudoOf(frame, l3, isV4, protocol, frame.length - l4);
  const at = l4 + (protocol === PROTOCOL.tcp ? 16 : 6);
  return word(frame, at) === sum16(pseudo) || sum16(pseudo, frame.subarray(l4)) === 0xffff;
}

function pseudoOf(frame: Uint8Array, l3: number, isV4: boolean, protocol: number, length: number): Uint8Array {
  const [src, dst] = isV4 ? [l3 + 12, l3 + 16] : [l3 + 8, l3 + 24];
  const size = isV4 ? 4 : 16;
  return pseudoHeader(frame.slice(src, src + size), frame.slice(dst, dst + size), protocol, length);
}

function joined(views: readonly View[]): Uint8Array {
  const [head] = views;
  const frame = concat(head.frame.subarray(0, head.headers), ...views.map(({ data }) => data));
  const put = (at: number, value: number) => frame.set([value >>> 8, value & 0xff], at);
  const { l3, l4, isV4, protocol } = head;
  const l4Len = frame.length - l4;
  put(l3 + (isV4 ? 2 : 4), isV4 ? l4Len + 20 : l4Len);
  if (isV4) {
    put(l3 + 10, 0);
    put(l3 + 10, checksum(frame.subarray(l3, l3 + 20)));
  }
  if (protocol === PROTOCOL.tcp) frame[l4 + 13] |= flags(views[views.length - 1]) & (TCP_FLAG.psh | TCP_FLAG.fin);
  else put(l4 + 4, l4Len);
  put(l4 + (protocol === PROTOCOL.tcp ? 16 : 6), sum16(pseudoOf(frame, l3, isV4, protocol, l4Len)));
  return frame;
}
