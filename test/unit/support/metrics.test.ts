// The interop tests' own arithmetic: a balance that could not be wrong would prove nothing.

import { expect, test } from "vitest";
import { balanceOf, parseMetrics, sumOf } from "../../support/metrics.js";

const TEXT = `# HELP vxlane_received_frames_total Frames.
# TYPE vxlane_received_frames_total counter
vxlane_received_frames_total{vni="100",direction="encap"} 10
vxlane_received_frames_total{vni="",direction="decap"} 3
vxlane_received_frames_total{vni="100",direction="decap"} 4
vxlane_frames_total{vni="100",direction="encap"} 6
vxlane_frames_total{vni="100",direction="decap"} 4
vxlane_local_frames_total{vni="100"} 3
vxlane_dropped_frames_total{vni="100",direction="encap",reason="too_big"} 1
vxlane_dropped_frames_total{vni="",direction="decap",reason="unknown_vni"} 2
process_cpu_seconds_total 1.5
`;

test("sums by label", () => {
  const samples = parseMetrics(TEXT);
  expect(sumOf(samples, "vxlane_received_frames_total", { direction: "decap" })).toBe(7);
  expect(sumOf(samples, "vxlane_dropped_frames_total", { reason: "too_big", vni: 100 })).toBe(1);
  expect(sumOf(samples, "process_cpu_seconds_total")).toBe(1.5);
});

test("finds the frame that is missing", () => {
  expect(balanceOf(parseMetrics(TEXT)).map(({ direction, missing }) => ({ direction, missing }))).toEqual([
    { direction: "encap", missing: 0 },
    { direction: "decap", missing: 1 },
  ]);
});

test("refuses what is no sample", () => {
  expect(() => parseMetrics("vxlane frames 3")).toThrow("not a sample");
});
