// Asks promtool which alerts a daemon raises: what two scrapes of it counted goes on for half an hour of Prometheus' own
// time, which costs none of ours. Every alert has to come as expected, with its texts, or not at all.

import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Sample } from "../support/metrics.js";

interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string; readonly description: string };
}

export interface Expected {
  readonly labels: Readonly<Record<string, string>>;
  /** What its summary says of the network. */
  readonly says: string;
}

/* Our choices: longer than any rule waits. */
const MINUTES = 40;
const ASKED_AFTER = "30m";
const TARGET = { job: "vxlane", instance: "a:9479" };

/** Of the moment, not of what was dropped. */
const LEFT_OUT = /^vxlane_worker_(busy_ratio|batch_frames)/;

/** The file for `promtool test rules`; what `after` has more than `before` comes anew each minute. */
export async function alertTest(
  rulesFile: string,
  before: readonly Sample[],
  after: readonly Sample[],
  expected: Readonly<Record<string, Expected>>,
): Promise<string> {
  const { groups } = parse(await readFile(rulesFile, "utf8")) as { groups: { rules: Rule[] }[] };
  const keyOf = ({ name, labels }: Sample) => {
    const pairs = Object.entries({ ...labels, ...TARGET }).map(([label, value]) => `${label}="${value}"`);
    return `${name}{${pairs.join(",")}}`;
  };
  const earlier = new Map(before.map((sample) => [keyOf(sample), sample.value]));
  const series = after.filter(({ name }) => name.startsWith("vxlane_") && !LEFT_OUT.test(name));
  const test = {
    interval: "1m",
    input_series: series.map((sample) => {
      const growth = sample.name.endsWith("_total") ? sample.value - (earlier.get(keyOf(sample)) ?? 0) : 0;
      return { series: keyOf(sample), values: `${sample.value}+${growth}x${MINUTES}` };
    }),
    alert_rule_test: groups
      .flatMap(({ rules }) => rules)
      .map((rule) => ({
        eval_time: ASKED_AFTER,
        alertname: rule.alert,
        exp_alerts: expected[rule.alert] === undefined ? [] : [alertOf(rule, expected[rule.alert])],
      })),
  };
  return JSON.stringify({ rule_files: [rulesFile], evaluation_interval: "1m", tests: [test] });
}

/** As Prometheus sends it. */
function alertOf({ labels, annotations }: Rule, expected: Expected) {
  const values: Record<string, string> = { ...TARGET, ...expected.labels };
  const summary = annotations.summary
    .replace(/\{\{ with \$labels\.vni \}\}.*\{\{ end \}\}/, expected.says)
    .replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => values[label]);
  return { exp_labels: { ...labels, ...values }, exp_annotations: { ...annotations, summary } };
}
