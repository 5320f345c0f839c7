// How an interface takes an XDP program and frames: the size of frames that its MTU wants, the mode of the program, and what an operator
// can do where the kernel refuses.

import { XSK_FRAME_SHIFT_MAX, XSK_FRAME_SHIFT_MIN } from "../../dataplane-wasm/layout.js";
import { type ErrorCode, VxlaneError } from "../errors.js";
import { linkXdp, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE } from "../linux/bpf.js";
import { EACCES, EBUSY, EEXIST, ENODEV, EPERM } from "../linux/errno.js";
import { describeHolder, missingCapabilities, NO_BPF, remedyFor, SyscallError, whoHasXdp } from "../linux/index.js";
import { xdpMtuMax } from "../xdp-frames.js";

/** @throws VxlaneError ERR_HOST_MTU */
export function frameShift(name: string, mtu: number): number {
  for (let shift = XSK_FRAME_SHIFT_MIN; shift <= XSK_FRAME_SHIFT_MAX; shift++)
    if (mtu <= xdpMtuMax(shift)) return shift;
  const most = xdpMtuMax(XSK_FRAME_SHIFT_MAX);
  throw new VxlaneError(
    "ERR_HOST_MTU",
    `${name} has an MTU of ${mtu}, and the xdp driver takes up to ${most}: lower it, or use another driver`,
  );
}

/** Native where the interface has it and it is wanted, otherwise generic. @throws SyscallError */
export function attachProgram(
  programFd: number,
  ifIndex: number,
  wantsNative: boolean,
): { linkFd: number; isNative: boolean } {
  try {
    if (wantsNative) return { linkFd: linkXdp(programFd, ifIndex, XDP_FLAGS_DRV_MODE), isNative: true };
  } catch (error) {
    const isForGeneric = error instanceof SyscallError && !SAME_IN_GENERIC.includes(error.errno);
    if (!isForGeneric) throw error;
  }
  return { linkFd: linkXdp(programFd, ifIndex, XDP_FLAGS_SKB_MODE), isNative: false };
}

const SAME_IN_GENERIC = [EBUSY, EEXIST, EPERM, EACCES, ENODEV];

/** Where something was refused. */
interface Place {
  readonly name: string;
  readonly ifIndex: number;
  /** Sockets of ours on it are not closed yet. */
  readonly isClosing: boolean;
}

/** What the kernel refused, for the one who asked. @param whoHas for tests without rights */
export function explainXdp(error: unknown, { name, ifIndex, isClosing }: Place, whoHas = whoHasXdp): unknown {
  if (!(error instanceof SyscallError)) return error;
  const { errno, message } = error;
  const explained = (code: ErrorCode, why: string) => new VxlaneError(code, `${name}: ${why}`, { cause: error });
  if ([EPERM, EACCES].includes(errno)) {
    const missing = missingCapabilities(["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF", "CAP_PERFMON"]);
    return explained("ERR_PRIVILEGE", `xdp: ${message}; ${remedyFor(missing)}`);
  }
  if ([EBUSY, EEXIST].includes(errno)) {
    if (isClosing) return explained("ERR_TIMEOUT", "a worker has not let go of it yet: try again in a moment");
    const holder = whoHas(ifIndex);
    const isQueue = error.call.startsWith("bind");
    const what = isQueue ? message : "it has an XDP program already";
    if (holder !== undefined) {
      const remedy = "end that, or use another interface or driver";
      return explained("ERR_HOST_INTERFACE", `${what}: XDP belongs to ${describeHolder(holder)} here: ${remedy}`);
    }
    return explained("ERR_HOST_INTERFACE", `${what}: ${isQueue ? QUEUE_TAKEN : programTaken(name)}`);
  }
  const why = WHY.get(error.code);
  return explained("ERR_HOST_INTERFACE", why === undefined ? message : `${message}: ${why}`);
}

const QUEUE_TAKEN =
  "a program that could not be found has an AF_XDP socket on this queue: end it, or use another interface";

function programTaken(name: string): string {
  return `no process holds it: take it off (ip link set ${name} xdp off, of a generic one xdpgeneric off)`;
}

const WHY = new Map([
  ["ENOBUFS", "locked memory is limited: raise RLIMIT_MEMLOCK, or give the process CAP_IPC_LOCK"],
  ["ENOSYS", `${NO_BPF}: use the udp driver, and tap ports`],
  ["EAFNOSUPPORT", "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): use the udp driver, and tap ports"],
  ["EOPNOTSUPP", "the interface cannot share frames that another one's driver writes itself (zero copy)"],
]);
