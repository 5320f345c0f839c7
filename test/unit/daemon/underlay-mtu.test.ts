// Networks that are wider than the underlay is now: one problem, in words that say what to do.

import { pino } from "pino";
import { expect, it } from "vitest";
import { Problems } from "../../../control/daemon/problems.js";
import { tellNarrow } from "../../../control/daemon/underlay-mtu.js";
import { spec } from "../tables/fixture.js";

const networks = [
  { spec: { ...spec(100), name: "blue", mtu: 1450 } },
  { spec: { ...spec(200), name: "red", mtu: 1300 } },
  { spec: { ...spec(300), name: "green", mtu: 1400 } },
];

it("begins with the first that is too wide, is told anew when it is another, and ends with the last", () => {
  const problems = new Problems(pino({ level: "silent" }));
  const look = (inside: number) => {
    tellNarrow(networks, inside, problems);
    return problems.list().map(({ code, message }) => `${code} ${message}`);
  };
  expect(look(1450)).toEqual([]);
  expect(look(1350)).toEqual([
    expect.stringMatching(/^underlay_mtu .*leaves 1350 .*network blue allows 1450, as 1 more do/),
  ]);
  expect(look(1400)).toEqual([expect.stringMatching(/1400 .*blue allows 1450: .*network set blue --mtu 1400$/)]);
  expect(look(1500)).toEqual([]);
});
