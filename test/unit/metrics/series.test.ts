// The beginnings of lines: escaped as Prometheus' text format says, and kept for as long as they are asked for.

import { expect, it } from "vitest";
import { DROP_LABELS } from "../../../control/metrics/labels.js";
import { Kept, NetworkSeries, seriesOf } from "../../../control/metrics/series.js";
import { DROP_WITHOUT_NETWORK } from "../../../dataplane-wasm/drop.js";

it("escape what would end a label", () => {
  expect(seriesOf("a", { b: 'x"y\\z\n' })).toBe('a{b="x\\"y\\\\z\\n"} ');
  expect(seriesOf("a")).toBe("a ");
});

it("are one object for one key, until nobody has asked between two scrapes", () => {
  const made: string[] = [];
  const kept = new Kept((key) => {
    made.push(key);
    return new NetworkSeries(key);
  });
  const first = kept.get("100");
  kept.turn();
  expect(kept.get("100")).toBe(first);
  kept.turn();
  expect(kept.get("100")).toBe(first);
  kept.turn();
  kept.turn();
  expect(kept.get("100")).not.toBe(first);
  expect(made).toEqual(["100", "100"]);
});

it("name drops by network, direction and reason", () => {
  const { drops } = new NetworkSeries("7");
  const line = 'vxlane_dropped_frames_total{vni="7",direction="encap",reason="too_big"} ';
  expect(drops.encap.of("too_big")).toBe(line);
  expect(drops.encap.of("too_big")).toBe(line);
});

it("have the reasons that never happened with 0, each reason once", () => {
  const { drops } = new NetworkSeries("7");
  const reasonsIn = (text: string) => [...text.matchAll(/reason="(\w+)"} 0$/gm)].map(([, reason]) => reason);
  for (const direction of ["encap", "decap"] as const) {
    const all = reasonsIn(drops[direction].zerosBeside([]));
    const ours = DROP_LABELS.filter((label) => label.direction === direction && label.drop > DROP_WITHOUT_NETWORK);
    expect(all).toEqual(ours.map(({ reason }) => reason));
    const others = drops[direction].zerosBeside(["too_big", "port_full"]);
    expect(reasonsIn(others)).toEqual(all.filter((reason) => reason !== "too_big" && reason !== "port_full"));
    expect(drops[direction].zerosBeside(["too_big", "port_full"])).toBe(others);
    expect(drops[direction].zerosBeside(all)).toBe("");
    expect(reasonsIn(drops[direction].zerosBeside([]))).toEqual(all);
  }
});

it("know those before a network apart", () => {
  const { drops } = new NetworkSeries("");
  expect(drops.encap.zerosBeside([])).toBe("");
  const zeros = drops.decap.zerosBeside([]);
  expect(zeros.split("\n")).toHaveLength(DROP_WITHOUT_NETWORK);
  expect(zeros).toContain('vxlane_dropped_frames_total{vni="",direction="decap",reason="unknown_vni"} 0\n');
});
