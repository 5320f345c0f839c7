// A generator for what trafgen is too slow for: XDP "live frames" (bpf_test_run with BPF_F_TEST_XDP_LIVE_FRAMES, Linux
// 5.18). The kernel runs a program of four instructions again and again, which redirects the same frame to a device; no
// socket buffer is made on the sending side. A process of its own, for the call blocks.
//
//   node live-frames.js send DEVICE FRAME_HEX    until a signal kills it; the other end of a veth has to poll (GRO on, or XDP)
//   node live-frames.js drop DEVICE              drops what comes, in an XDP program: the fastest receiver there is
//
// Between two runs nothing is sent for 25 ms, while the kernel makes its pool of frames anew. Whoever takes frames fast would wait more
// often than whoever takes them slowly: so a run is longer than any measurement, and the signal
// that ends the process breaks it off.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BPF_PROG_TYPE_XDP, linkXdp, loadProgram, XDP_FLAGS_DRV_MODE } from "../../../control/linux/bpf.js";
import { assemble, call, exit, type Line, move, R0, R1, R2 } from "../../../control/linux/bpf-assembler.js";
import { EINTR, SyscallError } from "../../../control/linux/errno.js";
import { addressOf, bpf, lastErrno } from "../../../control/linux/libc.js";

/* From linux/bpf.h */
const BPF_PROG_TEST_RUN = 10;
const BPF_FUNC_REDIRECT = 23;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
const XDP_DROP = 1;

/*
 * union bpf_attr of a test run:
 *   0 program (4) | 8 frame length (4) | 16 frame (8) | 32 repeat (4) | 64 flags (4) | 72 batch (4)
 */
const ATTR_SIZE = 80;
const FRAME_LEN = 8;
const FRAME = 16;
const REPEAT = 32;
const FLAGS = 64;
const BATCH = 72;

/* Our choices */
const BATCH_FRAMES = 64;
const RUN_FRAMES = 0x7fff_ffff; // minutes
const IDLE_MS = 1000;

export const LIVE_FRAMES = fileURLToPath(import.meta.url);

function indexOf(device: string): number {
  return Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8"));
}

function load(...lines: readonly Line[]): number {
  return loadProgram({ type: BPF_PROG_TYPE_XDP, name: "vxlane_bench", code: assemble(lines) });
}

/** Sends `frame` out of a device of this namespace for ever. @throws SyscallError where the kernel has no live frames */
function send(device: string, frame: Uint8Array): never {
  const program = load(move(R1, indexOf(device)), move(R2, 0), call(BPF_FUNC_REDIRECT), exit());
  const attr = Buffer.alloc(ATTR_SIZE);
  attr.writeUInt32LE(program, 0);
  attr.writeUInt32LE(frame.length, FRAME_LEN);
  attr.writeBigUInt64LE(addressOf(frame), FRAME);
  attr.writeUInt32LE(RUN_FRAMES, REPEAT);
  attr.writeUInt32LE(BPF_F_TEST_XDP_LIVE_FRAMES, FLAGS);
  attr.writeUInt32LE(BATCH_FRAMES, BATCH);
  for (;;) {
    if (bpf(BPF_PROG_TEST_RUN, attr, ATTR_SIZE) < 0 && lastErrno() !== EINTR) {
      throw new SyscallError("BPF_PROG_TEST_RUN with live frames (Linux 5.18)", lastErrno());
    }
  }
}

if (process.argv[1] === LIVE_FRAMES) {
  const [, , what, device = "", hex = ""] = process.argv;
  if (what === "send") {
    send(device, Buffer.from(hex, "hex"));
  } else {
    linkXdp(load(move(R0, XDP_DROP), exit()), indexOf(device), XDP_FLAGS_DRV_MODE);
    process.stdout.write("dropping\n");
    setInterval(() => undefined, IDLE_MS);
  }
}
