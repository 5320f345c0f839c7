// The beginnings of lines: escaped as Prometheus' text format says, and kept for as long as they are asked for.

import { expect, it } from "vitest";
import { Kept, NetworkSeries, seriesOf } from "../../../control/metrics/series.js";

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
  const series = new NetworkSeries("7");
  const line = 'vxlane_dropped_frames_total{vni="7",direction="encap",reason="too_big"} ';
  expect(series.dropped("encap", "too_big")).toBe(line);
  expect(series.dropped("encap", "too_big")).toBe(line);
});
