// Ioctls of interfaces (netdevice(7)): any socket takes them, with a struct ifreq that begins with the interface's name.

import { VxlaneError } from "../errors.js";
import { AF_INET, IFF_UP, IFNAMSIZ, SIOCGIFFLAGS, SIOCSIFFLAGS, SOCK_CLOEXEC, SOCK_DGRAM } from "./constants.js";
import { check, close, ioctl, socket } from "./libc.js";
import { IFREQ_FLAGS, IFREQ_MTU, IFREQ_NAME, IFREQ_SIZE } from "./structs.js";

/** Lends a socket to ioctls. @throws SyscallError if there is none */
export function withSocket(use: (fd: number) => void): void {
  const fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket AF_INET");
  try {
    use(fd);
  } finally {
    close(fd);
  }
}

/** A struct ifreq for an interface, all else 0. @throws VxlaneError if the name is too long for one */
export function interfaceRequest(name: string): Buffer {
  const request = Buffer.alloc(IFREQ_SIZE);
  if (Buffer.byteLength(name) >= IFNAMSIZ) throw new VxlaneError("ERR_HOST_INTERFACE", `${name} is over 15 bytes long`);
  request.write(name, IFREQ_NAME);
  return request;
}

/**
 * Sets the MTU or the queue length: ifr_qlen lies where ifr_mtu does.
 * @param call the request's name, for the error
 * @throws SyscallError with what the kernel says
 */
export function setNumber(fd: number, name: string, request: number, value: number, call: string): void {
  const argument = interfaceRequest(name);
  argument.writeInt32LE(value, IFREQ_MTU);
  check(ioctl(fd, request, argument), `${call} ${name} ${value}`);
}

/** Sets the interface up. @throws SyscallError with what the kernel says */
export function takeUp(fd: number, name: string): void {
  setFlags(fd, name, (flags) => flags | IFF_UP, "up");
}

/** And down. @throws SyscallError with what the kernel says */
export function takeDown(fd: number, name: string): void {
  setFlags(fd, name, (flags) => flags & ~IFF_UP, "down");
}

function setFlags(fd: number, name: string, change: (flags: number) => number, what: string): void {
  const request = interfaceRequest(name);
  check(ioctl(fd, SIOCGIFFLAGS, request), `SIOCGIFFLAGS ${name}`);
  request.writeUInt16LE(change(request.readUInt16LE(IFREQ_FLAGS)), IFREQ_FLAGS);
  check(ioctl(fd, SIOCSIFFLAGS, request), `SIOCSIFFLAGS ${name} ${what}`);
}
