// How the demo's findings look on a terminal of 80 columns.

import { describeEcho, type Header, hexDump, OUTER_LEN } from "./decode.js";
import type { Demo, Vxlane } from "./hosts.js";
import type { Screen } from "./screen.js";
import type { Counters, FdbEntry } from "./state.js";
import type { Way } from "./way.js";

export function showPicture(screen: Screen, { a, b }: Demo): void {
  const text = (cell: string) => cell.padEnd(24);
  screen.line("Two hosts on this machine, and a VXLAN tunnel between them.");
  screen.line();
  screen.line(`  ${"host a: vxlane".padEnd(28)}              host b: the Linux kernel`);
  screen.line(`  ┌─${"─".repeat(24)}─┐              ┌─${"─".repeat(24)}─┐`);
  screen.line(`  │ ${text(`${a.device}   ${a.overlay}`)} │   overlay    │ ${text(`${b.device}     ${b.overlay}`)} │`);
  screen.line(`  │ ${text("  vxlane in user space")} │              │ ${text("  kernel vxlan device")} │`);
  screen.line(`  │ ${text(`under0  ${a.underlay}`)} ├── underlay ──┤ ${text(`under0  ${b.underlay}`)} │`);
  screen.line(`  └─${"─".repeat(24)}─┘              └─${"─".repeat(24)}─┘`);
  screen.line();
}

export function showRequest(screen: Screen, { before, wire, outer, after }: Way, demo: Demo): void {
  screen.heading("The way of one ping, from a to b");
  screen.line();
  screen.line(`  1. The frame before: into ${demo.a.device} at host a, ${before.length} bytes`);
  showEcho(screen, before);
  for (const row of hexDump(before, 3)) screen.line(screen.paint("dim", `       ${row}`));
  screen.line();
  screen.line(`  2. On the underlay: ${wire.length} bytes, of which ${OUTER_LEN} are vxlane's outer headers`);
  for (const header of outer.headers) showHeader(screen, header);
  screen.line(`     ${screen.paint("cyan", "then the frame as it was")}, ${outer.inner.length} bytes`);
  screen.line();
  screen.line(`  3. The frame after: out of ${demo.b.device} at host b, ${after.length} bytes`);
  showEcho(screen, after);
  screen.line(`     ${screen.paint("green", "the same as before, byte for byte")}`);
}

export function showReply(screen: Screen, { wire, outer, after }: Way, demo: Demo): void {
  screen.heading("And of its answer, from b to a: the kernel encapsulates, vxlane unpacks");
  screen.line();
  const name = (wanted: string) => outer.headers.flatMap(({ fields }) => fields).find((f) => f.name === wanted)?.value;
  screen.table(
    [
      [
        "on the underlay",
        `${wire.length} bytes, UDP ${outer.outerSrcPort} to ${name("destination port")}, VNI ${outer.vni}`,
      ],
      [`out of ${demo.a.device}`, `${after.length} bytes, ${screen.paint("green", "the same as went in at host b")}`],
    ],
    5,
  );
  showEcho(screen, after);
}

function showEcho(screen: Screen, frame: Uint8Array): void {
  screen.table(
    describeEcho(frame).map(([header, text]) => [header.padEnd(8), text]),
    5,
  );
}

function showHeader(screen: Screen, { name, length, fields }: Header): void {
  screen.line(`     ${screen.paint("cyan", name)}, ${length} bytes`);
  for (const { offset, name: title, value, note } of fields) {
    screen.line(`       ${String(offset).padStart(2)}  ${title.padEnd(18)}${value.padEnd(20)}${note}`.trimEnd());
  }
}

export function showFdb(screen: Screen, ours: FdbEntry[], kernel: FdbEntry[]): void {
  screen.heading("What both sides know now (forwarding databases of VNI 100)");
  for (const [title, entries] of [
    ["vxlane", ours],
    ["the kernel, `bridge fdb show dev vx0`", kernel],
  ] as const) {
    screen.line();
    screen.line(`  ${title}`);
    screen.table(
      entries.map(({ mac, behind, kind }) => [mac, behind, kind]),
      4,
    );
  }
}

export function showCounters(screen: Screen, all: Counters[]): void {
  screen.heading("vxlane's counters: every frame received is in one of the next three columns");
  screen.line();
  const figures = (values: (number | string)[]) => values.map((value) => value.toLocaleString("en").padStart(12));
  screen.line(`         ${["received", "forwarded", "local", "dropped", "bytes"].map((t) => t.padStart(12)).join("")}`);
  for (const { direction, received, frames, local, dropped, bytes } of all) {
    screen.line(`    ${direction}${figures([received, frames, local, dropped, bytes]).join("")}`);
  }
  for (const { direction, reasons } of all) {
    for (const [reason, frames] of Object.entries(reasons)) {
      screen.line(`    dropped at ${direction}: ${frames.toLocaleString("en")} ${reason}${MEANINGS[reason] ?? ""}`);
    }
  }
}

/** What a newcomer may see on a busy machine; behaviour in full is documented with the metrics. */
const MEANINGS: Record<string, string> = {
  port_lost: ": the TAP's queue was full, TCP sends again",
  underlay_lost: ": the socket's buffer was full, TCP sends again",
};

export function rate(bitsPerSecond: number): string {
  const giga = bitsPerSecond / 1e9;
  return giga >= 1 ? `${giga.toFixed(2)} Gbit/s` : `${(giga * 1000).toFixed(0)} Mbit/s`;
}

export function showKept(screen: Screen, { a, b }: Demo, { socket, config, log, metrics, pid }: Vxlane): void {
  screen.heading("It goes on running. Where to look:");
  for (const [title, command] of [
    ["a shell at host a", `ip netns exec ${a.ns.name} sh`],
    ["a shell at host b", `ip netns exec ${b.ns.name} sh`],
    ["through the tunnel", `ip netns exec ${a.ns.name} ping ${b.overlay}`],
    ["what the kernel learned", `bridge -n ${b.ns.name} fdb show dev ${b.device}`],
    ["vxlane's API", `curl --unix-socket ${socket} http://vxlane/v1/status`],
    ["vxlane's metrics", `ip netns exec ${a.ns.name} curl ${metrics}`],
    ["its config", config],
    ["its log", log],
    ["its process", String(pid)],
    ["to remove all of it", "npm run demo -- --remove"],
  ]) {
    screen.line(`  ${screen.paint("dim", `# ${title}`)}`);
    screen.line(`  ${command}`);
  }
}
