// How an interface takes an XDP program and frames: the size of frames that its MTU wants, the mode of the program, and what an operator
// can do where the kernel refuses.

import { XSK_FRAME_SHIFT_MAX, XSK_FRAME_SHIFT_MIN } from "../../dataplane-wasm/layout.js";
import { VxlaneError } from "../errors.js";
import { linkXdp, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE } from "../linux/bpf.js";
import { EACCES, EBUSY, EEXIST, ENODEV, EPERM } from "../linux/errno.js";
import { missingCapabilities, remedyFor, SyscallError } from "../linux/index.js";
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

/** Native where the interface has it and it is wanted, otherwise generic. */
export function attachProgram(
  name: string,
  programFd: number,
  ifIndex: number,
  wantsNative: boolean,
): { linkFd: number; isNative: boolean } {
  const generic = () => ({ linkFd: linkXdp(programFd, ifIndex, XDP_FLAGS_SKB_MODE), isNative: false });
  try {
    if (!wantsNative) return generic();
    return { linkFd: linkXdp(programFd, ifIndex, XDP_FLAGS_DRV_MODE), isNative: true };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if ([EBUSY, EEXIST].includes(error.errno)) {
      const message = `${name} has an XDP program of somebody else already: remove it (ip link set ${name} xdp off)`;
      throw new VxlaneError("ERR_HOST_INTERFACE", message, { cause: error });
    }
    if ([EPERM, EACCES, ENODEV].includes(error.errno)) throw error;
  }
  return generic();
}

/** What the kernel refused, for the one who asked. */
export function explainXdp(error: unknown, name: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  if ([EPERM, EACCES].includes(error.errno)) {
    const missing = missingCapabilities(["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF", "CAP_PERFMON"]);
    const message = `${name}: xdp: ${error.message}; ${remedyFor(missing)}`;
    return new VxlaneError("ERR_PRIVILEGE", message, { cause: error });
  }
  const why = WHY.get(error.code);
  return new VxlaneError("ERR_HOST_INTERFACE", `${name}: ${error.message}${why === undefined ? "" : `: ${why}`}`, {
    cause: error,
  });
}

const WHY = new Map([
  ["EBUSY", "another program has an AF_XDP socket on this queue, or the kernel has not let go of one yet: try again"],
  ["ENOBUFS", "locked memory is limited: raise RLIMIT_MEMLOCK, or give the process CAP_IPC_LOCK"],
  ["EAFNOSUPPORT", "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)"],
  ["EOPNOTSUPP", "the interface cannot share frames that another one's driver writes itself (zero copy)"],
]);
