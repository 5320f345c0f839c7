// The JSON report's schema: what `vxlane bench --json` writes and `vxlane bench compare` reads. `vxlane bench --schema`
// prints it. All that the other forms of the report show is in it: they are made of this document alone.
//
// Written as JSON schema, for the reasons that the config's schema has; typebox checks with it and derives the types. A
// change of any key is a new version: a reader of one version knows every key, and says so of a file that it cannot read.

import type { XStatic } from "typebox/schema";

export const REPORT_KIND = "vxlane bench report";
/**
 * 1 was a document without a schema; in 2 every floor was judged, and none had the same in C beside it; in 3 nothing was stacked, and
 * every figure was better one way.
 */
export const REPORT_VERSION = 4;
/** What is said in these is said in the same way now. */
export const READABLE_VERSIONS: readonly unknown[] = [3, REPORT_VERSION];

const text = (description: string) => ({ type: "string", description }) as const;
const number = (description: string) => ({ type: "number", description }) as const;
const count = (description: string) => ({ type: "integer", minimum: 0, description }) as const;
const flag = (description: string) => ({ type: "boolean", description }) as const;

const list = <const S extends object>(items: S, description: string) =>
  ({ type: "array", items, description }) as const;

const map = <const P extends object, const R extends readonly (keyof P & string)[]>(
  properties: P,
  required: R,
  options: object = {},
) => ({ type: "object", properties, required, additionalProperties: false, ...options }) as const;

const Fact = map({ name: text("what"), value: text("as it was found") }, ["name", "value"]);

const Interface = map(
  {
    name: text("of the network interface"),
    driver: text("of the kernel"),
    mtu: count("bytes"),
    megabits: number("speed, Mbit/s; absent where the driver does not know"),
    offloads: list(text("feature, as ethtool names it"), "those that are on"),
    absent: text("why offloads are not known"),
  },
  ["name", "driver", "mtu", "offloads"],
);

const Environment = map(
  {
    date: { type: "string", description: "start of the run, ISO 8601, UTC" },
    command: text("that made this report"),
    vxlane: text("version"),
    commit: text("of the checkout, + where files differ from it; or why it is not known"),
    cpu: text("model"),
    cores: count("logical processors that this process may use"),
    memoryGiB: number("of the machine"),
    kernel: text("release"),
    arch: text("of the processor, as Node.js names it"),
    node: text("version of Node.js"),
    v8: text("version of V8"),
    compiler: text("of the C twin; or why there is none"),
    load: list(number("tasks"), "1, 5 and 15 minutes before the run"),
    interfaces: list(Interface, "that are up, but loopback"),
    sysctls: list(Fact, "that shape the figures"),
  },
  [
    ...["date", "command", "vxlane", "commit", "cpu", "cores", "memoryGiB", "kernel", "arch", "node", "v8"],
    ...["compiler", "load", "interfaces", "sysctls"],
  ] as const satisfies readonly string[],
);

const Spread = map({ median: number("of the rounds"), min: number("the least"), max: number("the greatest") }, [
  "median",
  "min",
  "max",
]);

const Sample = map(
  {
    round: count("from 0"),
    value: number("in the unit of the measure"),
    cpu: number("cores that were busy meanwhile"),
  },
  ["round", "value"],
);

const Row = map(
  {
    contender: text("whose figure"),
    value: Spread,
    samples: list(Sample, "one for each round"),
    ratio: { ...Spread, description: "to the baseline, taken within a round" },
    cpu: { ...Spread, description: "cores that were busy meanwhile" },
    counts: map(
      {
        rounds: count("that were counted"),
        sent: count("frames"),
        received: count("frames, counted at the receiver"),
        lost: count("frames; sent = received + lost"),
      },
      ["rounds", "sent", "received", "lost"],
    ),
    absent: text("why there is no figure"),
    incomplete: text("why there are fewer samples than rounds"),
    warnings: list(text("for example of noise"), "what speaks against the figure"),
  },
  ["contender", "samples", "warnings"],
);

const Ceiling = map(
  { value: Spread, samples: list(Sample, "one for each round"), absent: text("why there is none") },
  ["samples"],
  { description: "of the generator itself, with nothing in its way" },
);

const Measure = map(
  {
    id: text("unique in the suite"),
    title: text("for people"),
    unit: text("of all values"),
    better: { enum: ["lower", "higher", "neither"], description: "neither: a part of a whole" },
    baseline: text("the contender that the others are divided by"),
    command: text("that repeats it"),
    plot: map(
      {
        chart: text("title; measures of one chart are drawn together"),
        x: { anyOf: [{ type: "number" }, { type: "string" }], description: "place on the x axis" },
        xLabel: text("of the axis"),
        scale: { enum: ["linear", "log"] },
        yScale: { enum: ["linear", "log"] },
        stacked: flag("the rows are parts of a whole: their bars stand on one another"),
      },
      ["chart", "x", "xLabel"],
    ),
    ceiling: Ceiling,
    rows: list(Row, "one for each contender"),
  },
  ["id", "title", "unit", "better", "command", "rows"],
);

const Floor = map(
  {
    statement: text("that the project makes"),
    actual: number("figure; absent: it could not be measured"),
    inC: number("what the same in C got in the same run"),
    holds: flag("whether it does; absent: it is not judged"),
    unjudged: text("why it is not judged"),
  },
  ["statement"],
);

const Suite = map(
  {
    name: text("unique"),
    summary: text("one line"),
    command: text("that repeats it"),
    rounds: count("in each, every contender runs once"),
    roundSeconds: number("length of one measurement"),
    seconds: number("that it took"),
    failed: text("why it ended early; what it had measured until then is here"),
    headlines: list(text("a sentence"), "the summary"),
    facts: list(Fact, "about where it was measured: versions of peers, pinning"),
    missing: list(text("what, and how to install it"), "why rows are absent"),
    notes: list(text("a sentence"), "what a reader has to know"),
    measures: list(Measure, "in the order of the run"),
    floors: list(Floor, "that are stated of this suite"),
  },
  [
    ...["name", "summary", "command", "rounds", "roundSeconds", "seconds", "headlines", "facts", "missing", "notes"],
    ...["measures", "floors"],
  ] as const satisfies readonly string[],
);

export const ReportSchema = map(
  {
    kind: { const: REPORT_KIND },
    version: { const: REPORT_VERSION },
    environment: Environment,
    quick: flag("a short run, for a first look"),
    seconds: number("that everything took"),
    suites: list(Suite, "in the order of the run"),
  },
  ["kind", "version", "environment", "quick", "seconds", "suites"],
  { $schema: "https://json-schema.org/draft/2020-12/schema", title: REPORT_KIND },
);

export type Report = XStatic<typeof ReportSchema>;
export type Environment = XStatic<typeof Environment>;
export type SuiteReport = XStatic<typeof Suite>;
export type MeasureReport = XStatic<typeof Measure>;
export type Row = XStatic<typeof Row>;
export type Fact = XStatic<typeof Fact>;
export type Floor = XStatic<typeof Floor>;
