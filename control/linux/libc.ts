// libc through koffi: the one file that declares C functions. Each thread that imports it binds its own copies.
//
// The functions of the hot path take process addresses as plain numbers (user space ends at 2^47, so a double holds
// them exactly): koffi passes numbers for nothing, where a view costs a look-up. The others take a Buffer. Symbols
// come from the process itself, so glibc and musl both serve.

import { endianness } from "node:os";
import koffi from "koffi";
import type { SharedMemory } from "../memory.js";
import { SyscallError } from "./errno.js";

if (koffi.sizeof("void *") !== 8 || endianness() !== "LE") {
  throw new Error("vxlane needs a 64-bit little-endian Linux: its kernel structures are laid out for that");
}

const libc = koffi.load(null);

type Fd = number;
/** A process address. */
type Address = number;

export const open: (path: string, flags: number) => number = libc.func("int open(const char *path, int flags)");
export const close: (fd: Fd) => number = libc.func("int close(int fd)");
export const ioctl: (fd: Fd, request: number, argument: Uint8Array) => number = libc.func(
  "int ioctl(int fd, unsigned long request, void *argument)",
);
/** For the requests that take a number in place of a pointer. */
export const ioctlNumber: (fd: Fd, request: number, argument: number) => number = libc.func("ioctl", "int", [
  "int",
  "ulong",
  "long",
]);
export const setns: (fd: Fd, kind: number) => number = libc.func("int setns(int fd, int kind)");

export const socket: (family: number, type: number, protocol: number) => number = libc.func(
  "int socket(int family, int type, int protocol)",
);
export const bind: (fd: Fd, address: Uint8Array, length: number) => number = libc.func(
  "int bind(int fd, void *address, uint32_t length)",
);
export const connect: (fd: Fd, address: Uint8Array, length: number) => number = libc.func(
  "int connect(int fd, void *address, uint32_t length)",
);
export const setsockopt: (fd: Fd, level: number, option: number, value: Uint8Array, length: number) => number =
  libc.func("int setsockopt(int fd, int level, int option, void *value, uint32_t length)");
export const getsockopt: (fd: Fd, level: number, option: number, value: Uint8Array, length: Uint8Array) => number =
  libc.func("int getsockopt(int fd, int level, int option, void *value, void *length)");
export const getsockname: (fd: Fd, address: Uint8Array, length: Uint8Array) => number = libc.func(
  "int getsockname(int fd, void *address, void *length)",
);
export const send: (fd: Fd, bytes: Uint8Array, length: number, flags: number) => number = libc.func(
  "long send(int fd, void *bytes, size_t length, int flags)",
);
export const recv: (fd: Fd, bytes: Uint8Array, length: number, flags: number) => number = libc.func(
  "long recv(int fd, void *bytes, size_t length, int flags)",
);

export const epollCreate: (flags: number) => number = libc.func("int epoll_create1(int flags)");
export const epollCtl: (epoll: Fd, operation: number, fd: Fd, event: Uint8Array | null) => number = libc.func(
  "int epoll_ctl(int epoll, int operation, int fd, void *event)",
);
export const epollWaitRaw: (epoll: Fd, events: Address, max: number, timeoutMs: number) => number = libc.func(
  "int epoll_wait(int epoll, uintptr_t events, int max, int timeout)",
);
export const eventfd: (initial: number, flags: number) => number = libc.func(
  "int eventfd(uint32_t initial, int flags)",
);
export const eventfdRead: (fd: Fd, value: BigUint64Array) => number = libc.func(
  "int eventfd_read(int fd, void *value)",
);
export const eventfdWrite: (fd: Fd, value: number) => number = libc.func("int eventfd_write(int fd, uint64_t value)");

export const readv: (fd: Fd, iovecs: Address, count: number) => number = libc.func(
  "long readv(int fd, uintptr_t iovecs, int count)",
);
export const writev: (fd: Fd, iovecs: Address, count: number) => number = libc.func(
  "long writev(int fd, uintptr_t iovecs, int count)",
);
export const recvmmsg: (fd: Fd, messages: Address, count: number, flags: number, timeout: 0) => number = libc.func(
  "int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)",
);
export const sendmmsg: (fd: Fd, messages: Address, count: number, flags: number) => number = libc.func(
  "int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)",
);

/** bpf(2) has no function of its own in libc. */
const syscallBpf: (number: number, command: number, attr: Uint8Array, size: number) => number = libc.func(
  "syscall",
  "long",
  ["long", "int", "void *", "uint32"],
);
const NR_BPF = process.arch === "x64" ? 321 : 280;
/** @param attr union bpf_attr */
export const bpf = (command: number, attr: Uint8Array, size: number): number => syscallBpf(NR_BPF, command, attr, size);

/** Nor have these two, in musl. */
const syscallThread: (number: number, group: number, thread: number, signal: number) => number = libc.func(
  "syscall",
  "long",
  ["long", "int", "int", "int"],
);
const [NR_GETTID, NR_TGKILL] = process.arch === "x64" ? [186, 234] : [178, 131];
export const gettid = (): number => syscallThread(NR_GETTID, 0, 0, 0);
export const tgkill = (group: number, thread: number, signal: number): number =>
  syscallThread(NR_TGKILL, group, thread, signal);
export const siginterrupt: (signal: number, interrupts: number) => number = libc.func(
  "int siginterrupt(int signal, int interrupts)",
);
/** Without bytes or address: wakes the kernel's side of an XDP socket. */
export const sendto: (fd: Fd, bytes: Address, length: number, flags: number, address: Address, size: number) => number =
  libc.func("long sendto(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t address, uint32_t size)");
export const recvfrom: (
  fd: Fd,
  bytes: Address,
  length: number,
  flags: number,
  address: Address,
  size: Address,
) => number = libc.func(
  "long recvfrom(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t address, uintptr_t size)",
);
/** Returns an address, or -1. */
export const mmap: (at: Address, length: number, protection: number, flags: number, fd: Fd, offset: number) => number =
  libc.func("intptr_t mmap(uintptr_t at, size_t length, int protection, int flags, int fd, long offset)");

/** io_uring has none either; its numbers are the same on all architectures. */
const syscallUring: (
  number: number,
  fd: number,
  first: number,
  second: number,
  third: number,
  fourth: Address,
  size: number,
) => number = libc.func("syscall", "long", ["long", "int", "uint32", "uint32", "uint32", "uintptr_t", "size_t"]);
const syscallUringSetup: (number: number, entries: number, params: Uint8Array) => number = libc.func(
  "syscall",
  "long",
  ["long", "uint32", "void *"],
);
const syscallUringTable: (number: number, first: number, second: number, table: Uint8Array, count: number) => number =
  libc.func("syscall", "long", ["long", "uint32", "uint32", "void *", "uint32"]);
const [NR_IO_URING_SETUP, NR_IO_URING_ENTER, NR_IO_URING_REGISTER] = [425, 426, 427];
/** @param params struct io_uring_params, filled in */
export const uringSetup = (entries: number, params: Uint8Array): number =>
  syscallUringSetup(NR_IO_URING_SETUP, entries, params);
/** Returns how many entries the kernel took. @param wanted results to wait for, if `flags` say so */
export const uringEnter = (fd: Fd, count: number, wanted: number, flags: number): number =>
  syscallUring(NR_IO_URING_ENTER, fd, count, wanted, flags, 0, 0);
export const uringRegister = (fd: Fd, operation: number, table: Uint8Array, count: number): number =>
  syscallUringTable(NR_IO_URING_REGISTER, fd, operation, table, count);

/** The errno of this thread's last failed call. Ask at once: any other call may change it. */
export const lastErrno: () => number = koffi.errno;

/** Hands a call's result on. @throws SyscallError if it is negative */
export function check(result: number, call: string): number {
  if (result < 0) throw new SyscallError(call, lastErrno());
  return result;
}

/** Where the shared memory lies in this process: add an address of the layout to get a process address. */
export function baseAddress(memory: SharedMemory): number {
  return Number(koffi.address(memory.u8));
}

/** Where a view's first byte lies. The view has to stay referenced while the kernel may look. */
export function addressOf(view: Uint8Array): bigint {
  return koffi.address(view);
}

/** For the owner of a descriptor that has no object of its own (an epoll set, a bell). */
export function closeFd(fd: number): void {
  check(close(fd), `close ${fd}`);
}
