// Whose time a sample of perf's is: stacks as perf printed them, shortened.

import { describe, expect, test } from "vitest";
import type { Settings } from "../../../bench/suite.js";
import { PARTS, type Part, partOf } from "../../../bench/suites/profile/parts.js";
import { refusal } from "../../../bench/suites/profile/perf.js";
import { samplesIn } from "../../../bench/suites/profile/script.js";
import { busiest, SAMPLES_MIN, sharesOf } from "../../../bench/suites/profile/shares.js";
import { profile } from "../../../bench/suites/profile/suite.js";

const SEND = `
	ffffffff8203fd77 udp_send_skb ([kernel.kallsyms])
	ffffffff820445e6 udp_sendmsg ([kernel.kallsyms])
	ffffffff81e2f7dd __x64_sys_sendmmsg ([kernel.kallsyms])
	ffffffff821ecc51 do_syscall_64 ([kernel.kallsyms])
	ffffffff81000130 entry_SYSCALL_64_after_hwframe ([kernel.kallsyms])
	          10b106 __sendmmsg (/usr/lib/x86_64-linux-gnu/libc.so.6)
	           87244 [unknown] (/opt/vxlane/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node)
	    7f54c0123480 [unknown] ([unknown])`;

const LOOP = `
	    7f521c061768 JS:*servePort file:///opt/vxlane/dist/control/worker/engine.js:41:14 (/tmp/perf-13608.map)
	    7f521c05ec9b JS:*runLoop file:///opt/vxlane/dist/control/worker/loop.js:32:24 (/tmp/perf-13608.map)
	         14cfd1c Builtins_InterpreterEntryTrampoline (/usr/bin/node)
	          9bb549 node::worker::Worker::StartThread(v8::FunctionCallbackInfo<v8::Value> const&)::{lambda(void*)#1}::_FUN (/usr/bin/node)
	           891f5 start_thread (/usr/lib/x86_64-linux-gnu/libc.so.6)`;

const WASM = "\n	    2aed6decb857 JS:wasm-function[61]-61-turbofan (/tmp/perf-13608.map)";

const SOFTIRQ = `
	ffffffff81e66c3b net_rx_action ([kernel.kallsyms])
	ffffffff813600ed handle_softirqs ([kernel.kallsyms])
	ffffffff8135fb4b do_softirq.part.0 ([kernel.kallsyms])
	ffffffff813603d4 __local_bh_enable_ip ([kernel.kallsyms])
	ffffffff81e6303c __dev_queue_xmit ([kernel.kallsyms])`;

const INTERRUPT = `
	ffffffff813600ed handle_softirqs ([kernel.kallsyms])
	ffffffff81360517 __irq_exit_rcu ([kernel.kallsyms])
	ffffffff821f0d5e sysvec_apic_timer_interrupt ([kernel.kallsyms])
	ffffffff8100158a asm_sysvec_apic_timer_interrupt ([kernel.kallsyms])`;

/** A sample with these frames in front. */
function script(frames: string, thread = 13691): string {
  return `13608/${thread} ${frames.startsWith("\n") ? frames : `\n${frames}`}\n\n`;
}

function kernel(symbol: string, object = "[kernel.kallsyms]"): string {
  return `\tffffffff81b69c60 ${symbol} (${object})`;
}

function code(symbol: string, object: string): string {
  return `\t          16e040 ${symbol} (${object})`;
}

const LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6";
const NODE = "/usr/bin/node";
const MAP = "/tmp/perf-13608.map";

test.each<[Part, string, string]>([
  ["kernel copies", "from user memory", kernel("_copy_from_iter") + SEND],
  ["kernel copies", "between buffers", kernel("__pi_memcpy") + SEND],
  ["kernel copies", "of a socket buffer", kernel("skb_copy_bits") + SEND],
  ["kernel copies", "of a call's arguments", kernel("copy_msghdr_from_user") + SEND],
  ["kernel copies", "a checksum", kernel("csum_partial") + SEND],
  ["kernel copies", "the check before a copy", kernel("__check_object_size") + SEND],
  ["other system calls", "the network stack", kernel("__ip_append_data") + SEND],
  ["other system calls", "waiting", kernel("finish_task_switch.isra.0") + SEND],
  ["other system calls", "a page that is cleared is not copied", kernel("clear_page_erms") + SEND],
  ["other system calls", "a module of the kernel", kernel("tun_do_read", "[tun]") + SEND],
  [
    "other system calls",
    "an eBPF program",
    kernel("bpf_prog_56719c_vxlane_take", "bpf_prog_56719c_vxlane_take") + SEND,
  ],
  ["softirqs", "the far end below a send", kernel("vxlan_rcv") + SOFTIRQ + SEND],
  ["softirqs", "the far end's copies too", kernel("_copy_to_iter") + SOFTIRQ + SEND],
  ["softirqs", "in the middle of a copy", INTERRUPT + SEND],
  ["softirqs", "in the middle of WebAssembly", INTERRUPT + WASM + LOOP],
  ["softirqs", "of no name, below one", kernel("[unknown]") + SOFTIRQ + SEND],
  ["WebAssembly", "the hot path", WASM + LOOP],
  ["WebAssembly", "memory.fill by libc", code("__memset_avx512_unaligned_erms", LIBC) + WASM + LOOP],
  ["WebAssembly", "memory.copy by node", code("v8::internal::wasm::memory_copy_wrapper", NODE) + WASM + LOOP],
  [
    "WebAssembly",
    "the same by libc below node",
    `${code("__memmove_avx512_unaligned_erms", LIBC)}\n${code("v8::internal::wasm::memory_copy_wrapper", NODE)}${WASM}${LOOP}`,
  ],
  ["JavaScript", "compiled", LOOP],
  ["JavaScript", "a builtin, which is in node's file", code("Builtins_CallApiCallback", NODE) + LOOP],
  ["Node.js", "Node-API", code("v8impl::(anonymous namespace)::FunctionCallbackWrapper::Invoke", NODE) + LOOP],
  ["Node.js", "of a name that has brackets", code("node::StartThread(int)::{lambda(void*)#1}::_FUN", NODE)],
  ["Node.js", "in a library of its own", code("v8::Integer::New", "/usr/lib/libnode.so.115") + LOOP],
  ["libraries", "libc", code("epoll_wait", LIBC)],
  ["libraries", "libc called by JavaScript", code("__memset_avx512_unaligned_erms", LIBC) + LOOP],
  ["libraries", "koffi, of no name, in a folder of that name", code("[unknown]", "/opt/node/node_modules/koffi.node")],
  ["libraries", "the clock", code("__vdso_clock_gettime", "[vdso]")],
  ["unknown", "code of V8's that is not in the map", code("[unknown]", MAP) + LOOP],
  ["unknown", "of no file", code("[unknown]", "[unknown]")],
  ["unknown", "a file that no rule knows", code("main", "/usr/bin/true")],
  ["unknown", "the kernel without names", kernel("[unknown]") + SEND],
  ["unknown", "no stack at all", ""],
])("%s: %s", (part, _, frames) => {
  const samples = samplesIn(script(frames));
  expect(samples.map(({ thread }) => thread)).toEqual([13691]);
  expect(samples.map(({ frames }) => partOf(frames))).toEqual([part]);
});

describe("what perf prints", () => {
  test("frames from the innermost to the outermost, by thread", () => {
    const samples = samplesIn(script(WASM + LOOP) + script(kernel("_copy_from_iter") + SEND, 7));
    expect(samples).toHaveLength(2);
    expect(samples[0]?.frames[1]).toEqual({
      address: "7f521c061768",
      symbol: "JS:*servePort file:///opt/vxlane/dist/control/worker/engine.js:41:14",
      object: MAP,
    });
    expect(samples[1]).toMatchObject({ thread: 7, frames: { length: 9 } });
  });

  test("a line of another form is not skipped", () => {
    expect(() => samplesIn(`${script(LOOP)}Warning: lost\n`)).toThrow(
      '"Warning: lost" is neither a thread nor a frame',
    );
    expect(() => samplesIn(kernel("before_any_thread"))).toThrow("neither");
  });

  test("its refusals are a line with the remedy", () => {
    const page =
      "Error:\nAccess to performance monitoring and observability operations is limited.\nConsider adjusting\n";
    expect(refusal(page)).toMatch(
      /^perf may not sample here: .*CAP_PERFMON.*sysctl -w kernel\.perf_event_paranoid=-1$/,
    );
    expect(refusal("Error:\nThe sys_perf_event_open() syscall returned with 3 (No such process)\n")).toBe(
      "perf record: The sys_perf_event_open() syscall returned with 3 (No such process)",
    );
    expect(refusal("")).toBe("perf record: it ended");
  });
});

describe("shares", () => {
  const many = (frames: string, count: number, thread?: number): string => script(frames, thread).repeat(count);

  test("of the busiest thread that is not the main one, all of its samples", () => {
    const script = many(LOOP, 999, 13608) + many(LOOP, 120, 5) + many(WASM + LOOP, 150, 6) + many("", 50, 6);
    const { thread, samples } = busiest(samplesIn(script), 13608);
    expect(thread).toBe(6);
    const shares = sharesOf(samples);
    expect(shares).toMatchObject({ WebAssembly: 0.75, unknown: 0.25, JavaScript: 0 });
    expect(PARTS.reduce((sum, part) => sum + shares[part], 0)).toBe(1);
  });

  test("of too few samples there are none", () => {
    const few = samplesIn(many(LOOP, SAMPLES_MIN - 1));
    expect(() => busiest(few, 13608)).toThrow(`the workers hardly ran: ${SAMPLES_MIN - 1} samples of the busiest one`);
    expect(() => busiest([], 13608)).toThrow("0 samples");
  });
});

describe("the plan", () => {
  const settings = (given: Partial<Settings> = {}): Settings => ({
    ...{ ...profile.defaults, quick: false, peers: undefined, only: () => true },
    ...given,
  });

  test("every driver under every load, and xdp forwarding too; in a minute and a half", async () => {
    const { ids = [], peers = [], seconds } = await profile.plan(settings());
    const loads = ["tcp-1-out", "tcp-1-in", "frames-64-out"];
    const drivers = ["udp", "tap", "xdp"].flatMap((driver) => loads.map((load) => `${driver}-${load}`));
    expect([...ids].sort()).toEqual([...drivers, "xdp-encap-64", "xdp-decap-64"].sort());
    expect(new Set(peers)).toEqual(new Set(["vxlane udp", "vxlane tap", "vxlane xdp"]));
    expect(seconds).toBeLessThan(90);
  });

  test("shrinks: quick, one driver, one figure", async () => {
    const lines = async (given: Partial<Settings>) => (await profile.plan(settings(given))).lines.at(-1);
    expect(await lines({ quick: true })).toBe("profiles: udp-tcp-1-out, tap-tcp-1-out, xdp-tcp-1-out, xdp-encap-64");
    expect(await lines({ peers: ["vxlane tap"] })).toBe("profiles: tap-tcp-1-out, tap-tcp-1-in, tap-frames-64-out");
    expect(await lines({ only: (id) => id === "xdp-decap-64" })).toBe("profiles: xdp-decap-64");
  });
});
