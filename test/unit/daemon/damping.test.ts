// What an operator hears of MACs that move too often: the log names network, MAC and both places; status has one problem
// however many there are; a storm is summed up.

import { pino } from "pino";
import { beforeEach, expect, it } from "vitest";
import { DampingReport } from "../../../control/daemon/damping.js";
import { Problems } from "../../../control/daemon/problems.js";
import { createFixture, type Fixture, frame, mac, portSpec, receiveFrom, sendInto, spec } from "../tables/fixture.js";

const OURS = "02:00:00:00:00:01";
const stationOf = (n: number) => `02:00:00:00:01:${n.toString(16).padStart(2, "0")}`;
const VTEP = "10.0.0.2";
const STILL = { level: 30, thawed: 1, msg: "FDB entries may move again" };

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

let fixture: Fixture;
let report: DampingReport;
let problems: Problems;
let lines: Line[];
let port: number;

beforeEach(async () => {
  fixture = await createFixture();
  lines = [];
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line) as Line) });
  problems = new Problems(log);
  report = new DampingReport(fixture.tables, problems, log);
  fixture.tables.networks.add(spec(100, { vteps: [VTEP] }));
  [{ id: port }] = fixture.tables.ports.add(100, [portSpec("blue0", OURS)]);
  fixture.tables.setClock(1000);
});

/** A station behind the VTEP, and behind the port and the VTEP by turns. */
function flap(n: number): void {
  receiveFrom(fixture, VTEP, 100, frame(stationOf(n), OURS));
  for (let turn = 0; turn < 3; turn++) {
    sendInto(fixture, port, frame(stationOf(n), OURS));
    receiveFrom(fixture, VTEP, 100, frame(stationOf(n), OURS));
  }
}

function tick(): void {
  fixture.tables.events.drain((event) => fixture.tables.damping.moved(event), "moved");
  report.tick();
}

it("names network, MAC and both places, and begins a problem", () => {
  tick();
  expect([lines, problems.list()]).toEqual([[], []]);
  flap(1);
  tick();
  const told = { level: 40, vni: 100, network: "net100", mac: stationOf(1), msg: "FDB entry moves too often: frozen" };
  expect(lines[0]).toEqual({ ...told, at: VTEP, elsewhere: "blue0" });
  expect(problems.list()).toMatchObject([
    { code: "fdb_frozen", message: expect.stringMatching(/^1 FDB entry .*--frozen/) },
  ]);
  expect(lines.slice(1)).toMatchObject([{ level: 40, problem: "fdb_frozen" }]);
});

it("counts the frozen in one problem, which ends with the last of them", () => {
  flap(1);
  tick();
  lines.length = 0;
  flap(2);
  tick();
  expect(problems.list()).toMatchObject([{ message: expect.stringMatching(/^2 FDB entries /) }]);
  expect(lines).toMatchObject([{ mac: stationOf(2) }]); // the problem's new words are not logged
  lines.length = 0;
  fixture.tables.damping.thaw(1, mac(stationOf(1)));
  tick();
  expect(problems.list()).toMatchObject([{ message: expect.stringMatching(/^1 FDB entry /) }]);
  fixture.tables.setClock(1180);
  tick();
  expect(problems.list()).toEqual([]);
  expect(lines).toMatchObject([STILL, { level: 30, problem: "fdb_frozen", msg: expect.stringMatching(/^no more/) }]);
});

it("sums a storm up", () => {
  for (let n = 0; n < 100; n++) flap(n);
  tick();
  expect(lines.filter(({ mac }) => mac !== undefined)).toHaveLength(4);
  expect(lines).toContainEqual({ level: 40, frozen: 96, msg: "more FDB entries move too often and are frozen" });
  expect(problems.list()).toMatchObject([{ message: expect.stringMatching(/^100 FDB entries /) }]);
  expect(lines).toHaveLength(6);
});
