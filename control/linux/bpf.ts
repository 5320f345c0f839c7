// bpf(2): loads programs, makes maps, and links programs to interfaces. Whatever is made here is a file descriptor, and
// disappears when its last copy is closed: a process that is killed leaves no program on an interface.
//
// A program that the kernel's verifier refuses is loaded once more with its log, whose end tells why.

import { errnoName, SyscallError } from "./errno.js";
import { addressOf, bpf, check, lastErrno } from "./libc.js";

/* From linux/bpf.h: commands, program types, kinds of attachment */

const BPF_MAP_CREATE = 0;
const BPF_MAP_LOOKUP_ELEM = 1;
const BPF_MAP_UPDATE_ELEM = 2;
const BPF_MAP_DELETE_ELEM = 3;
const BPF_PROG_LOAD = 5;
const BPF_LINK_CREATE = 28;

export const BPF_PROG_TYPE_SOCKET_FILTER = 1;
export const BPF_PROG_TYPE_SCHED_CLS = 3;
export const BPF_PROG_TYPE_XDP = 6;
export const BPF_MAP_TYPE_HASH = 1;
export const BPF_MAP_TYPE_XSKMAP = 17;
const BPF_XDP = 37;
const BPF_TCX_INGRESS = 46;
const BPF_TCX_EGRESS = 47;

/** Flags of an XDP link, linux/if_link.h: how the program runs. */
export const XDP_FLAGS_SKB_MODE = 2;
export const XDP_FLAGS_DRV_MODE = 4;

/*
 * union bpf_attr, as each command reads it:
 *   map create   0 type (4) | 4 key size (4) | 8 value size (4) | 12 entries (4) | 16 flags (4) | 28 name (16)
 *   map element  0 map (4) | 8 key (8) | 16 value (8) | 24 flags (8)
 *   program      0 type (4) | 4 instructions (4) | 8 their address (8) | 16 license (8) | 24 log level (4) | 28 log size (4) |
 *                32 log (8) | 48 name (16) | 68 expected attachment (4)
 *   link         0 program (4) | 4 interface (4) | 8 kind of attachment (4) | 12 flags (4) | 16 what belongs to the kind
 */
const ATTR_SIZE = 144;
const MAP_KEY_SIZE = 4;
const MAP_VALUE_SIZE = 8;
const MAP_ENTRIES = 12;
const MAP_NAME = 28;
const ELEMENT_KEY = 8;
const ELEMENT_VALUE = 16;
const PROGRAM_COUNT = 4;
const PROGRAM_CODE = 8;
const PROGRAM_LICENSE = 16;
const PROGRAM_LOG_LEVEL = 24;
const PROGRAM_LOG_SIZE = 28;
const PROGRAM_LOG = 32;
const PROGRAM_NAME = 48;
const LINK_INTERFACE = 4;
const LINK_KIND = 8;
const LINK_FLAGS = 12;
const LINK_SIZE = 64;

const NAME_MAX = 15;
const INSTRUCTION_SIZE = 8;
/** Helpers such as bpf_redirect are for programs under this license only. */
const LICENSE = Buffer.from("GPL\0");

/* Our choices */
const LOG_SIZE = 65536;
const LOG_LINES = 4; // of its end, in an error's message

/** A program that the kernel refused. `log` is what its verifier wrote. */
export class ProgramError extends SyscallError {
  readonly log: string;

  constructor(call: string, errno: number, log: string) {
    super(call, errno);
    this.name = "ProgramError";
    this.log = log;
    const end = log.trim().split("\n").slice(-LOG_LINES).join("; ");
    this.message = end === "" ? `${call}: ${errnoName(errno)}` : `${call}: ${errnoName(errno)}: ${end}`;
  }
}

export interface Program {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** At most 15 bytes; seen in `bpftool prog`. */
  readonly name: string;
  /** From `assemble`. */
  readonly code: Uint8Array;
}

/** Loads a program. @returns its descriptor @throws ProgramError (EPERM without CAP_BPF and CAP_NET_ADMIN) */
export function loadProgram({ type, name, code }: Program): number {
  const attr = Buffer.alloc(ATTR_SIZE);
  attr.writeUInt32LE(type, 0);
  attr.writeUInt32LE(code.length / INSTRUCTION_SIZE, PROGRAM_COUNT);
  attr.writeBigUInt64LE(addressOf(code), PROGRAM_CODE);
  attr.writeBigUInt64LE(addressOf(LICENSE), PROGRAM_LICENSE);
  attr.write(name.slice(0, NAME_MAX), PROGRAM_NAME, "latin1");
  const fd = bpf(BPF_PROG_LOAD, attr, ATTR_SIZE);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  const log = Buffer.alloc(LOG_SIZE);
  attr.writeUInt32LE(1, PROGRAM_LOG_LEVEL);
  attr.writeUInt32LE(LOG_SIZE, PROGRAM_LOG_SIZE);
  attr.writeBigUInt64LE(addressOf(log), PROGRAM_LOG);
  const again = bpf(BPF_PROG_LOAD, attr, ATTR_SIZE);
  if (again >= 0) return again; // a shortage that has passed
  throw new ProgramError(`BPF_PROG_LOAD ${name}`, errno, log.toString("latin1", 0, Math.max(0, log.indexOf(0))));
}

export interface BpfMap {
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly name: string;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly entries: number;
}

/** Makes a map. @returns its descriptor @throws SyscallError */
export function createMap({ type, name, keySize, valueSize, entries }: BpfMap): number {
  const attr = Buffer.alloc(ATTR_SIZE);
  attr.writeUInt32LE(type, 0);
  attr.writeUInt32LE(keySize, MAP_KEY_SIZE);
  attr.writeUInt32LE(valueSize, MAP_VALUE_SIZE);
  attr.writeUInt32LE(entries, MAP_ENTRIES);
  attr.write(name.slice(0, NAME_MAX), MAP_NAME, "latin1");
  return check(bpf(BPF_MAP_CREATE, attr, ATTR_SIZE), `BPF_MAP_CREATE ${name}`);
}

/** Sets one element. @param key, value as long as the map says @throws SyscallError */
export function updateMap(map: number, key: Uint8Array, value: Uint8Array): void {
  check(bpf(BPF_MAP_UPDATE_ELEM, elementAttr(map, key, value), ATTR_SIZE), "BPF_MAP_UPDATE_ELEM");
}

/** Reads one element into `value`: as long as the map says, times the processors for a map with one each. False: none there. */
export function lookUpMap(map: number, key: Uint8Array, value: Uint8Array): boolean {
  return bpf(BPF_MAP_LOOKUP_ELEM, elementAttr(map, key, value), ATTR_SIZE) >= 0;
}

/** Removes one element. False: there was none. */
export function deleteFromMap(map: number, key: Uint8Array): boolean {
  return bpf(BPF_MAP_DELETE_ELEM, elementAttr(map, key), ATTR_SIZE) >= 0;
}

function elementAttr(map: number, key: Uint8Array, value?: Uint8Array): Buffer {
  const attr = Buffer.alloc(ATTR_SIZE);
  attr.writeUInt32LE(map, 0);
  attr.writeBigUInt64LE(addressOf(key), ELEMENT_KEY);
  if (value !== undefined) attr.writeBigUInt64LE(addressOf(value), ELEMENT_VALUE);
  return attr;
}

/**
 * Runs a program on what an interface receives (TCX, Linux 6.6), beside what others have attached there.
 * @param program of type BPF_PROG_TYPE_SCHED_CLS
 * @returns the link's descriptor: closing it takes the program off; it ends by itself when the interface goes
 * @throws SyscallError EINVAL where the kernel has no TCX
 */
export function linkTcxIngress(program: number, ifIndex: number): number {
  return createLink(`TCX link to interface ${ifIndex}`, program, ifIndex, BPF_TCX_INGRESS, 0);
}

/** The same on what an interface is to send. */
export function linkTcxEgress(program: number, ifIndex: number): number {
  return createLink(`TCX link to interface ${ifIndex}`, program, ifIndex, BPF_TCX_EGRESS, 0);
}

/**
 * Runs an XDP program on an interface; only one link an interface.
 * @param flags XDP_FLAGS_SKB_MODE or XDP_FLAGS_DRV_MODE; 0: as the kernel finds best
 * @returns the link's descriptor, as above
 * @throws SyscallError EBUSY: there is one already; EOPNOTSUPP: not in this mode
 */
export function linkXdp(program: number, ifIndex: number, flags: number): number {
  return createLink(`XDP link to interface ${ifIndex}`, program, ifIndex, BPF_XDP, flags);
}

function createLink(call: string, program: number, ifIndex: number, kind: number, flags: number): number {
  const attr = Buffer.alloc(LINK_SIZE);
  attr.writeUInt32LE(program, 0);
  attr.writeUInt32LE(ifIndex, LINK_INTERFACE);
  attr.writeUInt32LE(kind, LINK_KIND);
  attr.writeUInt32LE(flags, LINK_FLAGS);
  return check(bpf(BPF_LINK_CREATE, attr, LINK_SIZE), call);
}
