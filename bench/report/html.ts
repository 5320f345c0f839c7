// The report as one HTML file that needs nothing else: sentences first, then each suite's plots, every figure's table
// with the command that repeats it, and the machine. No script, no font, nothing from elsewhere.

import { count } from "../../control/cli/table.js";
import { growthExponent } from "../statistics.js";
import { CEILING, drawChart } from "./chart.js";
import { type Chart, chartsOf } from "./figure-data.js";
import { betterText, environmentRows, foundText, judgedFloors, summaryOrder, UNJUDGED } from "./figures.js";
import { html, type Markup, raw } from "./markup.js";
import { SERIES_COUNT, seriesColour } from "./palette.js";
import type { MeasureReport, Report, SuiteReport } from "./schema.js";
import { STYLE } from "./style.js";
import { floorTable, measureTable } from "./tables.js";

export async function toHtml(report: Report): Promise<string> {
  const sections: Markup[] = [];
  for (const suite of report.suites) sections.push(await section(suite));
  const { environment } = report;
  const noisy = warningsOf(report);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="vxlane ${environment.vxlane}">
<title>vxlane bench: ${environment.cpu}, ${environment.date.slice(0, 10)}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>What encapsulation costs on this host</h1>
<p class="faint">${environment.date.slice(0, 16).replace("T", " ")} UTC · ${environment.cpu}, ${environment.cores} cores · Linux ${environment.kernel} · vxlane ${environment.vxlane} (${environment.commit})${report.quick ? " · a quick run: a first look" : ""}</p>
${summary(report)}
${noisy}
<nav aria-label="Suites"><ul>${report.suites.map(({ name }) => html`<li><a href="#${name}">${name}</a></li>`)}<li><a href="#environment">environment</a></li></ul></nav>
<p class="faint">Every figure is the median of its rounds, with the least and the greatest. In a round all contenders run, one after the other, and a ratio is taken within a round. Frames are counted at the receiver. What could not be measured is absent and says why.</p>
${sections}
${environmentSection(report)}
</main>
</body>
</html>
`;
  return page.text;
}

function summary({ suites }: Report): Markup {
  const floors = suites.flatMap((suite) => suite.floors);
  const { missed, unjudged, text } = judgedFloors(floors);
  const parts = summaryOrder(suites)
    .filter(({ headlines, failed }) => headlines.length > 0 || failed !== undefined)
    .map(({ name, headlines, failed }) => {
      const sentences = headlines.map((sentence) => html`<li>${sentence}</li>`);
      const early = failed === undefined ? raw("") : html`<li class="warn">it ended early: ${failed}</li>`;
      return html`<h2><a href="#${name}">${name}</a></h2><ul>${sentences}${early}</ul>`;
    });
  const others = unjudged.length === 0 ? raw("") : html`<p>${UNJUDGED}</p>${list(unjudged.map(foundText), "faint")}`;
  const judged = html`<h2>floors</h2><p>${text}</p>${list(missed.map(foundText), "warn")}${others}`;
  if (parts.length + floors.length === 0) return raw("");
  return html`<section class="summary" aria-label="Summary">${parts}${floors.length === 0 ? raw("") : judged}</section>`;
}

function warningsOf({ suites, environment }: Report): Markup {
  const rows = suites.flatMap(({ measures }) => measures.flatMap((measure) => measure.rows));
  const measured = rows.filter(({ value }) => value !== undefined).length;
  const noisy = rows.filter(({ warnings }) => warnings.some((line) => line.startsWith("noisy"))).length;
  const load = environment.load[0] ?? 0;
  const lines = [
    ...(noisy === 0
      ? []
      : [
          `The machine was too noisy for ${noisy} of ${measured} figures: their rounds spread over more than 20 % of the median. Their rows say so.`,
        ]),
    ...(load < environment.cores / 2
      ? []
      : [`The machine was busy before the run: load ${load} on ${environment.cores} cores.`]),
  ];
  return html`${lines.map((line) => html`<p class="warn">${line}</p>`)}`;
}

async function section(suite: SuiteReport): Promise<Markup> {
  const figures: Markup[] = [];
  for (const [index, chart] of chartsOf(suite).entries()) {
    const colourOf = colours(suite, chart);
    figures.push(await figureOf(chart, `${suite.name}-chart-${index + 1}`, colourOf));
  }
  return html`<section class="suite" id="${suite.name}">
<h2>${suite.name}: ${suite.summary}</h2>
<p class="faint"><code>${suite.command}</code> · ${count(suite.rounds, "round")} of ${suite.roundSeconds} s · ${suite.seconds} s in all</p>
${suite.failed === undefined ? raw("") : html`<p class="warn">This suite ended early: ${suite.failed}</p>`}
${list(
  suite.missing.map((line) => `missing: ${line}`),
  "warn",
)}
${figures}
${floorTable(suite.floors)}
<div class="measures">${suite.measures.map(measureTable)}</div>
${list([...suite.notes, ...suite.facts.map(({ name, value }) => `${name}: ${value}`)], "faint")}
</section>
`;
}

async function figureOf(chart: Chart, id: string, colourOf: (contender: string) => number): Promise<Markup> {
  const { title, unit, better, categories, stacked, absent, ceiling, series } = chart;
  const svg = await drawChart(chart, colourOf);
  const described = svg
    .replace("<svg ", `<svg class="drawing" role="img" aria-labelledby="${id}-title ${id}-text" `)
    .replace(
      ">",
      `>${html`<title id="${id}-title">${title}</title><desc id="${id}-text">${description(chart)}</desc>`.text}`,
    );
  const bars = stacked ? "bars are medians" : "bars are medians, whiskers reach from the least round to the greatest";
  const marks =
    categories === undefined ? "points are medians, error bars reach from the least round to the greatest" : bars;
  const names = [
    ...series.map(({ name }) => ({ name, stroke: seriesColour(colourOf(name)), dash: "" })),
    ...(ceiling.length === 0 ? [] : [{ name: CEILING, stroke: "faint", dash: "6 4" }]),
  ];
  const legend = names.map(
    ({ name, stroke, dash }) =>
      html`<li><svg viewBox="0 0 26 12" aria-hidden="true"><path d="M0 6H26" stroke="var(--${stroke})" stroke-width="${dash === "" ? 9 : 2}" stroke-dasharray="${dash}"/></svg>${name}</li>`,
  );
  return html`<figure>
<h3>${title}</h3>
<ul class="legend">${legend}</ul>
<div class="scroll">${raw(described)}</div>
<figcaption>${unit}${betterText(better)}; ${marks}.${chart.yScale === "log" ? " The y axis is logarithmic." : ""}${growth(chart)}${absent.length === 0 ? "" : ` Absent: ${absent.join("; ")}.`}</figcaption>
</figure>
`;
}

/** With both axes logarithmic, a power of x is a straight line: its exponent is said. */
function growth({ xScale, yScale, series }: Chart): string {
  if (xScale !== "log" || yScale !== "log") return "";
  const exponents = series.flatMap(({ name, points }) => {
    const exponent = growthExponent(points.map(({ x, median }) => ({ x, y: median })));
    return exponent === undefined || points.length < 3 ? [] : [`${name} ${exponent.toFixed(2)}`];
  });
  return exponents.length === 0 ? "" : ` Exponent of the growth (0 is constant, 1 linear): ${exponents.join(", ")}.`;
}

/** What a chart shows, for those who cannot see it; the tables have all figures. */
function description({ series, unit, xLabel, categories }: Chart): string {
  const all = series.map(({ name, points }) => {
    const values = points.map(({ x, median }) => `${categories?.[x] ?? x}: ${Number(median.toPrecision(3))}`);
    return `${name}: ${values.join(", ")}`;
  });
  return `Medians in ${unit} by ${xLabel}. ${all.join(". ")}.`;
}

function environmentSection(report: Report): Markup {
  const rows = environmentRows(report).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  );
  return html`<section class="suite" id="environment">
<h2>Environment</h2>
<table><tbody>${rows}</tbody></table>
<p class="faint">All of it again: <code>${report.environment.command}</code></p>
</section>`;
}

function list(lines: readonly string[], style: string): Markup {
  return lines.length === 0 ? raw("") : html`<ul class="${style}">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

/**
 * A contender with a figure has one colour in its suite, or in its chart where the suite has more contenders than colours. vxlane's own
 * come first, so that they have the same ones in all suites.
 */
function colours(suite: SuiteReport, chart: Chart): (contender: string) => number {
  const drawn = suite.measures.filter(({ plot }) => plot !== undefined);
  const inSuite = contendersOf(drawn);
  const contenders = inSuite.length > SERIES_COUNT ? contendersOf(chart.measures) : inSuite;
  const isOurs = (name: string): boolean => /^(vxlane|WebAssembly)/.test(name);
  const ordered = [...contenders.filter(isOurs), ...contenders.filter((name) => !isOurs(name))];
  return (contender) => Math.max(0, ordered.indexOf(contender));
}

function contendersOf(measures: readonly MeasureReport[]): string[] {
  const measured = measures.flatMap(({ rows }) => rows.filter(({ value }) => value !== undefined));
  return [...new Set(measured.map(({ contender }) => contender))];
}
