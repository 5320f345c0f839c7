// Route netlink: ask the kernel about links, addresses, routes and counters. A socket belongs to the network namespace
// in which it was opened, so a Netlink object answers for one namespace for ever, wherever /sys happens to be mounted.
//
// Get requests are answered before send returns, so receiving does not block and everything here is synchronous.

import { statSync } from "node:fs";
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "./constants.js";
import { EINTR, SyscallError } from "./errno.js";
import { bind, check, close, lastErrno, recv, send, socket } from "./libc.js";
import { inNamespace, OWN_NAMESPACE } from "./netns.js";
import {
  NLMSG_ALIGN,
  NLMSG_FLAGS,
  NLMSG_HDRLEN,
  NLMSG_LEN,
  NLMSG_SEQ,
  NLMSG_TYPE,
  RTA_DATA,
  RTA_LEN,
  RTA_TYPE,
  SOCKADDR_NL_SIZE,
} from "./structs.js";

/* From linux/netlink.h */

const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;
const NLA_TYPE_MASK = 0x3fff;

/* Our choices */

const RECEIVE_SIZE = 65536; // the kernel fills at most 32 KiB at a time
const INTERRUPTED_TRIES = 5; // of a dump during which something changed

/** Attributes by type; a type that repeats keeps its last. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** Sockets that several users share, by namespace: ten thousand interfaces do not want ten thousand of them. */
const shared = new Map<string, { readonly netlink: Netlink; users: number }>();

/** A socket shared with everybody who asks for the same namespace; give it back with `releaseNetlink`. */
export function acquireNetlink(netns?: string): Netlink {
  const key = namespaceKey(netns);
  const entry = shared.get(key) ?? { netlink: new Netlink(netns), users: 0 };
  shared.set(key, entry);
  entry.users++;
  return entry.netlink;
}

export function releaseNetlink(netlink: Netlink): void {
  for (const [key, entry] of shared) {
    if (entry.netlink !== netlink || --entry.users > 0) continue;
    shared.delete(key);
    netlink.close();
  }
}

/** The namespace itself, not its path: a path may be given to another one while an old one lives on. */
function namespaceKey(netns: string | undefined): string {
  const { dev, ino } = inNamespace(netns, () => statSync(OWN_NAMESPACE));
  return `${dev}:${ino}`;
}

export class Netlink {
  #fd: number;
  readonly #received = Buffer.alloc(RECEIVE_SIZE);
  #sequence = 0;

  /** @param netns a namespace file; undefined: the one we are in */
  constructor(netns?: string) {
    this.#fd = inNamespace(netns, () =>
      check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket AF_NETLINK"),
    );
    const address = Buffer.alloc(SOCKADDR_NL_SIZE);
    address.writeUInt16LE(AF_NETLINK);
    try {
      check(bind(this.#fd, address, address.length), "bind AF_NETLINK");
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  /** Later requests fail with EBADF. */
  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1; // the number may soon be somebody else's
  }

  /**
   * Asks for one object.
   * @param call for the error, such as `RTM_GETLINK blue0`
   * @param type RTM_GET*
   * @param body the type's own structure, then attributes
   * @returns the answer's body
   * @throws SyscallError with the kernel's errno (ENODEV: no such link)
   */
  get(call: string, type: number, body: Uint8Array): Buffer {
    this.#send(call, type, NLM_F_REQUEST, body);
    const [answer] = this.#receive(call, false).bodies;
    if (answer === undefined) throw new Error(`${call}: the kernel answered without a message`);
    return answer;
  }

  /** Asks for all objects; once more if they changed meanwhile. @throws SyscallError */
  dump(call: string, type: number, body: Uint8Array): Buffer[] {
    for (let tries = 1; ; tries++) {
      this.#send(call, type, NLM_F_REQUEST | NLM_F_DUMP, body);
      const { bodies, interrupted } = this.#receive(call, true);
      if (!interrupted || tries === INTERRUPTED_TRIES) return bodies;
    }
  }

  /** Asks for a change. @param flags NLM_F_* beside the usual ones @throws SyscallError */
  tell(call: string, type: number, flags: number, body: Uint8Array): void {
    this.#send(call, type, NLM_F_REQUEST | NLM_F_ACK | flags, body);
    this.#receive(call, false);
  }

  #send(call: string, type: number, flags: number, body: Uint8Array): void {
    const message = Buffer.alloc(NLMSG_HDRLEN + body.length);
    message.writeUInt32LE(message.length, NLMSG_LEN);
    message.writeUInt16LE(type, NLMSG_TYPE);
    message.writeUInt16LE(flags, NLMSG_FLAGS);
    this.#sequence = (this.#sequence + 1) >>> 0;
    message.writeUInt32LE(this.#sequence, NLMSG_SEQ);
    message.set(body, NLMSG_HDRLEN);
    check(send(this.#fd, message, message.length, 0), call);
  }

  #receive(call: string, isDump: boolean): { bodies: Buffer[]; interrupted: boolean } {
    const bodies: Buffer[] = [];
    let interrupted = false;
    for (;;) {
      const length = recv(this.#fd, this.#received, RECEIVE_SIZE, 0);
      if (length < 0) {
        const errno = lastErrno();
        if (errno === EINTR) continue;
        throw new SyscallError(call, errno);
      }
      for (const message of messagesIn(this.#received.subarray(0, length))) {
        if (message.readUInt32LE(NLMSG_SEQ) !== this.#sequence) continue; // of a request that failed half-way
        const type = message.readUInt16LE(NLMSG_TYPE);
        if (message.readUInt16LE(NLMSG_FLAGS) & NLM_F_DUMP_INTR) interrupted = true;
        if (type === NLMSG_DONE) return { bodies, interrupted };
        const body = Buffer.from(message.subarray(NLMSG_HDRLEN)); // a copy: the receive buffer is used again
        if (type === NLMSG_ERROR && body.readInt32LE(0) !== 0) throw new SyscallError(call, -body.readInt32LE(0));
        bodies.push(body);
        if (!isDump) return { bodies, interrupted };
      }
    }
  }
}

function* messagesIn(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at + NLMSG_HDRLEN <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + NLMSG_LEN);
    if (length < NLMSG_HDRLEN || at + length > bytes.length) return;
    yield bytes.subarray(at, at + length);
    at += align(length);
  }
}

/** The attributes in `bytes`, from offset `from` on. Ends at the first that does not fit. */
export function parseAttributes(bytes: Buffer, from = 0): Attributes {
  const attributes = new Map<number, Buffer>();
  for (let at = from; at + RTA_DATA <= bytes.length; ) {
    const length = bytes.readUInt16LE(at + RTA_LEN);
    if (length < RTA_DATA || at + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(at + RTA_TYPE) & NLA_TYPE_MASK, bytes.subarray(at + RTA_DATA, at + length));
    at += align(length);
  }
  return attributes;
}

/** One attribute, padded to 4 bytes. */
export function attribute(type: number, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(align(RTA_DATA + data.length));
  bytes.writeUInt16LE(RTA_DATA + data.length, RTA_LEN);
  bytes.writeUInt16LE(type, RTA_TYPE);
  bytes.set(data, RTA_DATA);
  return bytes;
}

/** A string attribute's data without its final zero. */
export function attributeText(data: Buffer | undefined): string {
  if (data === undefined) return "";
  const end = data.indexOf(0);
  return data.toString("utf8", 0, end < 0 ? data.length : end);
}

function align(length: number): number {
  return (length + NLMSG_ALIGN - 1) & -NLMSG_ALIGN;
}
