// End to end: what arrives through a tunnel, beside no tunnel, the kernel's, and Open vSwitch's, all in one run and taking
// turns test by test. Sender, tunnel and receiver are namespaces of this machine, joined by veth pairs.
//
// All contenders are built first, each on hosts of its own, and stay until the end. One that cannot be built, or fails
// in a test, is absent from those rows with its reason, and the others go on.

import { daemonMissing } from "../../daemon.js";
import { hasProgram, isRoot, pause, watched } from "../../host.js";
import { type Plan, type Run, type Settings, type Suite, wantsPeer } from "../../suite.js";
import { type Contender, END_TO_END, PLAIN } from "./contenders.js";
import { build, Ceiling, howToInstall, type Member, message, Turns } from "./field.js";
import { promise, sumUp } from "./floors.js";
import { FORWARDING } from "./forwarding.js";
import { NOTES } from "./notes.js";
import { framesPinning, pinning } from "./pinning.js";
import { LOAD_OF, TESTS, type Test } from "./tests.js";

const CONTENDERS: readonly Contender[] = [...END_TO_END, ...FORWARDING];
/** To build a contender, and to take it away again. */
const BUILD_SECONDS = 0.7;
const REST_SECONDS = 0.5;
/** Our choice: contenders that wait take a tenth of a core between them. */
const REST_CORES_MAX = 0.3;

export const path: Suite = {
  name: "path",
  summary: "TCP, frames and round trips end to end, beside no tunnel, the kernel's and Open vSwitch's",
  defaults: { rounds: 4, seconds: 1 },
  quick: { rounds: 1, seconds: 0.7 },
  plan,
  run,
};

type Wanted = (measureId: string) => boolean;

function testsOf({ quick }: Settings, wants: Wanted): Test[] {
  const wanted = TESTS.filter((test) => (test.quick || !quick) && test.measures.some(({ id }) => wants(id)));
  const needed = new Set(wanted.flatMap(({ id, needs }) => [id, ...(needs === undefined ? [] : [needs])]));
  return TESTS.filter(({ id }) => needed.has(id));
}

function takesPart({ tests, endToEnd }: Contender, test: Test): boolean {
  return tests?.includes(test.id) ?? endToEnd === test.endToEnd;
}

/** Turns that everybody has in a round. */
function turnsOf({ quick }: Settings, { turns = 1 }: Test): number {
  return quick ? 1 : turns;
}

/** Those that some test of this run needs. */
function contendersOf(settings: Settings, tests: readonly Test[], wants: (contender: string) => boolean): Contender[] {
  return CONTENDERS.filter(
    (contender) =>
      wants(contender.name) &&
      !(settings.quick && contender.fullOnly) &&
      tests.some((test) => takesPart(contender, test)),
  );
}

interface Program {
  readonly tests: readonly Test[];
  readonly contenders: readonly Contender[];
}

/** Everything that this run does; a test that nobody takes part in is none. */
function programOf(settings: Settings, wants: Wanted, wantsPeer: (contender: string) => boolean): Program {
  const tests = testsOf(settings, wants);
  const contenders = contendersOf(settings, tests, wantsPeer);
  return { tests: tests.filter((test) => contenders.some((contender) => takesPart(contender, test))), contenders };
}

function missingOf({ tests, contenders }: Program): string[] {
  const needs = [...tests.map(({ program }) => [program]), ...contenders.map(({ programs = [] }) => programs)];
  const lacking = needs.map((programs) => programs.filter((program) => !hasProgram(program)));
  const daemon = daemonMissing();
  return [
    ...new Set(lacking.filter(({ length }) => length > 0).map((programs) => howToInstall(...programs))),
    ...(isRoot() ? [] : ["root, for network namespaces: run it with sudo"]),
    ...(daemon === undefined ? [] : [daemon]),
  ];
}

function plan(settings: Settings): Plan {
  const { tests, contenders } = programOf(settings, settings.only, (name) => wantsPeer(settings, name));
  const names = [...new Set(contenders.map(({ name }) => name))];
  const round = tests.reduce((sum, test) => {
    const taking = contenders.filter((contender) => takesPart(contender, test)).length;
    return sum + turnsOf(settings, test) * (taking * test.seconds(settings.seconds) + test.overhead);
  }, 0);
  return {
    lines: [
      "hosts in network namespaces, joined by veth pairs; the kernel's vxlan on the far side unless said",
      `tests: ${tests.map(({ id }) => id).join(", ")}`,
      `contenders, taking turns: ${names.join(", ")}`,
    ],
    seconds: contenders.length * BUILD_SECONDS + 2 * REST_SECONDS + settings.rounds * round,
    missing: missingOf({ tests, contenders }),
    ids: TESTS.flatMap(({ measures }) => measures.map(({ id }) => id)),
    peers: CONTENDERS.map(({ name }) => name),
  };
}

async function run(run: Run): Promise<void> {
  const { settings } = run;
  const wants: Wanted = (id) => run.wants(id);
  const { tests, contenders } = programOf(settings, wants, (name) => run.wantsPeer(name));
  const measures = new Map(tests.map((test) => [test, test.measures.map((options) => run.measure(options))]));
  promise(run, new Set(contenders.map(({ name }) => name)));
  if (!isRoot()) {
    for (const [test, filled] of measures) {
      for (const contender of contenders.filter((contender) => takesPart(contender, test))) {
        for (const measure of filled) measure.absent(contender.name, "needs root, for network namespaces");
      }
    }
    return;
  }
  const frames = `frames end to end: ${framesPinning()}`;
  run.fact("pinning of path", `${pinning()}; ${frames}; encap only and decap only: ${pinning(2)}`);

  const members: Member[] = [];
  for (const [index, contender] of contenders.entries()) members.push(await build(run, contender, String(index)));
  await rest(run);
  const ceiling = new Ceiling(run);
  const rateOf = (contender: string, round: number): number | undefined => {
    const rates = [...measures].find(([{ id }]) => id === LOAD_OF)?.[1][0];
    return rates?.samples(contender).find((sample) => sample.round === round)?.value;
  };
  const turns = tests.map((test) => {
    const taking = members.filter(({ contender }) => takesPart(contender, test));
    return new Turns(run, test, measures.get(test) ?? [], taking);
  });
  for (let round = 0; round < settings.rounds; round++) {
    for (const turn of turns) {
      const count = turnsOf(settings, turn.test);
      for (let number = round * count; number < (round + 1) * count; number++) {
        run.checkpoint();
        await turn.take(number, (contender) => ({ frameRate: rateOf(contender, round) }));
        await measureCeiling(run, ceiling, turn, number);
      }
    }
    run.progress(`round ${round + 1} of ${settings.rounds} done`);
  }
  sumUp(run, contenders);
  for (const note of NOTES) run.note(note);
}

/** What the machine does while everybody waits: CPU figures contain it, and rates suffer from it. */
async function rest(run: Run): Promise<void> {
  await pause(run, REST_SECONDS);
  const { cores } = await watched(() => pause(run, REST_SECONDS));
  const busy = `${cores.toFixed(2)} cores busy`;
  run.fact("path at rest, all contenders up", busy);
  if (cores <= REST_CORES_MAX) return;
  run.progress(`with all contenders waiting, this machine has ${busy}`);
  run.note(`something else ran at the same time (${busy} before the first round): rates and CPU are not to be trusted`);
}

/** Beside the rates: frames to nobody, or what plain veth carried in this round. */
async function measureCeiling(run: Run, ceiling: Ceiling, { test, measures }: Turns, round: number): Promise<void> {
  const [rate] = measures;
  if (rate === undefined || test.ceiling === undefined) return;
  const inRound = (name: string): boolean => rate.samples(name).some((sample) => sample.round === round);
  if (!rate.contenders().some(inRound)) return;
  const plain = rate.samples(PLAIN).find((sample) => sample.round === round);
  try {
    if (test.ceiling !== "plain") {
      const { frameLen, generator, dropped } = test.ceiling;
      rate.ceiling(round, await ceiling.frames(frameLen, generator, dropped));
    } else if (plain === undefined) rate.noCeiling(`${PLAIN} was not measured`);
    else rate.ceiling(round, plain.value);
  } catch (error) {
    run.checkpoint();
    rate.noCeiling(message(error));
  }
}
