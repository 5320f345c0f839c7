// The rules and the dashboard that are shipped ask for nothing that a scrape does not have: each metric, label and reason
// of each expression is looked up in one, so neither file can rot.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { DROP_LABELS } from "../../../control/metrics/labels.js";
import { Metrics } from "../../../control/metrics/metrics.js";
import { parseMetrics, type Sample } from "../../support/metrics.js";
import { createFakeDaemon } from "../daemon/running.js";
import { spec } from "../tables/fixture.js";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string; readonly datasource: unknown }[];
  readonly fieldConfig: {
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly Panel[];
}

const read = (name: string) => readFileSync(new URL(`../../../control/metrics/${name}`, import.meta.url), "utf8");
const { groups } = parse(read("vxlane.rules.yml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard: Dashboard = JSON.parse(read("grafana.json"));
const queries = dashboard.panels.flatMap(({ targets }) => targets);

/** What Prometheus adds to each sample. */
const TARGET = ["instance", "job"];
const WORDS = new Set(
  "and avg_over_time by group_left increase label_replace label_values max max_over_time on rate sum without".split(
    " ",
  ),
);
const REASONS = [...new Set(DROP_LABELS.map(({ reason }) => reason))];
/** They come with congestion, with the config or with quiet hosts, and wake nobody. */
const ORDINARY = ["ecn", "inner_vlan", "filtered", "same_port", "no_destination", "flood_none"];

let samples: Sample[];
beforeAll(async () => {
  const { tables, running } = await createFakeDaemon();
  tables.networks.add(spec(100, { vteps: ["10.0.0.2"] }));
  samples = parseMetrics(await new Metrics(running).collect());
});

const labelsOf = (name: string) => [
  ...new Set(samples.filter((sample) => sample.name === name).flatMap(({ labels }) => Object.keys(labels))),
];

interface Selector {
  readonly name: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

function selectorsOf(expr: string): Selector[] {
  return [...expr.matchAll(/\b(vxlane_\w+)(?:\{([^}]*)\})?/g)].map(([, name, inside = ""]) => {
    const matchers = [...inside.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)];
    return { name, matchers: matchers.map(([, label, value]) => ({ label, values: value.split("|") })) };
  });
}

/** Every sample that has one of each matcher's values; variables of a dashboard take any. */
function selected({ name, matchers }: Selector): Sample[] {
  return samples.filter(
    (sample) =>
      sample.name === name &&
      matchers.every(
        ({ label, values }) =>
          values[0].startsWith("$") || TARGET.includes(label) || values.includes(sample.labels[label]),
      ),
  );
}

/** Labels that a result may have. */
const labelsIn = (expr: string) => [...TARGET, ...selectorsOf(expr).flatMap(({ name }) => labelsOf(name))];

function expectKnown(expr: string): void {
  const selectors = selectorsOf(expr);
  expect(selectors.length, expr).toBeGreaterThan(0);
  for (const selector of selectors) {
    const found = selected(selector);
    expect(found.length, `${selector.name} of ${expr}`).toBeGreaterThan(0);
    for (const { label, values } of selector.matchers) {
      expect([...TARGET, ...labelsOf(selector.name)], `${selector.name} of ${expr}`).toContain(label);
      if (values[0].startsWith("$")) continue;
      const met = found.map(({ labels }) => labels[label]);
      for (const value of values) expect(met, `${label}="${value}" of ${expr}`).toContain(value);
    }
  }
  const bare = expr.replace(/"[^"]*"|\[[^\]]*\]|\{[^}]*\}/g, " ");
  const known = new Set([...WORDS, ...labelsIn(expr), ...selectors.map(({ name }) => name)]);
  for (const [word] of bare.matchAll(/[a-zA-Z_]\w*/g)) expect(known, `${word} of ${expr}`).toContain(word);
}

describe("the alerts", () => {
  it.each(rules)("$alert asks for what is there", ({ expr, annotations: { summary, description } }) => {
    expectKnown(expr);
    for (const [, label] of `${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)) {
      expect(labelsIn(expr)).toContain(label);
    }
  });

  it.each(rules)("$alert says where, and what to do", ({ expr, labels, annotations: { summary, description } }) => {
    expect(["critical", "warning", "info"]).toContain(labels.severity);
    expect(summary).toContain("$labels.instance");
    expect(description).toMatch(/vxlane (status|stats|fdb show|vtep list|network show)/);
    const isDrop = expr.includes("vxlane_dropped_frames_total");
    for (const label of isDrop ? ["vni", "direction", "reason"] : []) expect(summary).toContain(`$labels.${label}`);
    const section = /README, "([^"]+)"/.exec(description)?.[1];
    const headings = readFileSync(new URL("../../../README.md", import.meta.url), "utf8").matchAll(/^##+ (.*)$/gm);
    if (section !== undefined) expect(Array.from(headings, ([, heading]) => heading)).toContain(section);
    if (isDrop) expect(section).toBe("Keep it running");
  });

  it("tell of each reason once, but for the ordinary ones", () => {
    const drops = rules.flatMap(({ expr }) => selectorsOf(expr)).filter(({ name }) => name.includes("dropped"));
    const told = drops.flatMap(({ matchers }) => matchers.find(({ label }) => label === "reason")?.values ?? []);
    expect([...told, ...ORDINARY].sort()).toEqual([...REASONS].sort());
  });
});

describe("the dashboard", () => {
  it.each(queries)("asks for what is there: $expr", ({ expr, legendFormat, datasource }) => {
    expectKnown(expr);
    expect(datasource).toEqual({ type: "prometheus", uid: `\${datasource}` });
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labelsIn(expr)).toContain(label);
  });

  it("has the variables that its expressions use", () => {
    const { list } = dashboard.templating;
    const names = list.map(({ name }) => name);
    const own = ["__rate_interval", "__range"];
    for (const { expr } of queries) {
      for (const [, name] of expr.matchAll(/\$([a-z_]+)/g)) expect([...names, ...own], expr).toContain(name);
    }
    for (const { definition } of list) {
      const [, metric, label] = /^label_values\((\w+).*, (\w+)\)$/.exec(definition ?? "") ?? [];
      if (definition !== undefined) expect([...TARGET, ...labelsOf(metric)]).toContain(label);
    }
  });

  it("says of every reason where to look", () => {
    const overrides = dashboard.panels.flatMap(({ fieldConfig }) => fieldConfig.overrides);
    const column = overrides.find(({ matcher }) => matcher.options === "look_at");
    const mappings = column?.properties.find(({ id }) => id === "mappings")?.value as { options: object }[];
    expect(Object.keys(mappings[0].options).sort()).toEqual([...REASONS].sort());
  });

  it("has panels beside each other, none over another", () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x} ${y}`), `under ${title}`).toBeUndefined();
          taken.set(`${x} ${y}`, title);
        }
      }
    }
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });
});
