// The tables of the HTML report.

import { betterText, doubts, facts, figure, floorCells, ratioText, verdictOf } from "./figures.js";
import { html, type Markup, raw } from "./markup.js";
import type { MeasureReport, Row, SuiteReport } from "./schema.js";

export function measureTable(measure: MeasureReport): Markup {
  const { title, unit, better, baseline, command, rows } = measure;
  const hasRatio = rows.some(({ ratio }) => ratio !== undefined);
  const hasCpu = rows.some(({ cpu }) => cpu !== undefined);
  const columns = 5 + (hasRatio ? 1 : 0) + (hasCpu ? 1 : 0);
  const head = [
    html`<th scope="col">contender</th><th scope="col" class="n">median</th><th scope="col" class="n">least</th><th scope="col" class="n">greatest</th>`,
    hasRatio ? html`<th scope="col" class="n">ratio to ${baseline ?? ""}</th>` : raw(""),
    hasCpu ? html`<th scope="col" class="n">cores busy</th>` : raw(""),
    html`<th scope="col">remarks</th>`,
  ];
  return html`<div class="scroll"><table>
<caption>${title}: ${unit}${betterText(better)} <code>${command}</code></caption>
<thead><tr>${head}</tr></thead>
<tbody>
${rows.map((row) => rowOf(row, measure, { hasRatio, hasCpu, columns }))}${ceilingRow(measure, columns)}</tbody>
</table></div>
`;
}

interface Shape {
  readonly hasRatio: boolean;
  readonly hasCpu: boolean;
  readonly columns: number;
}

function rowOf(row: Row, { baseline, rows }: MeasureReport, { hasRatio, hasCpu, columns }: Shape): Markup {
  const { contender, value, absent, ratio, cpu } = row;
  if (value === undefined) {
    return html`<tr><th scope="row">${contender}</th><td class="absent" colspan="${columns - 1}">absent: ${absent ?? "not measured"}</td></tr>
`;
  }
  const isBaseline = contender === baseline && rows.length > 1;
  const [told, doubted] = [facts(row), doubts(row)].map((lines) => lines.join("; "));
  const both = told !== "" && doubted !== "" ? "; " : "";
  return html`<tr><th scope="row">${contender}</th>${spreadCells(value)}${
    hasRatio ? html`<td class="n">${isBaseline ? "baseline" : ratioText(ratio)}</td>` : raw("")
  }${hasCpu ? html`<td class="n">${figure(cpu?.median)}</td>` : raw("")}<td>${told ?? ""}${both}<span class="warn">${doubted ?? ""}</span></td></tr>
`;
}

function ceilingRow({ ceiling }: MeasureReport, columns: number): Markup {
  if (ceiling === undefined) return raw("");
  const { value, absent } = ceiling;
  const name = html`<th scope="row">the generator's own ceiling</th>`;
  return value === undefined
    ? html`<tr class="ceiling">${name}<td class="absent" colspan="${columns - 1}">absent: ${absent ?? "not measured"}</td></tr>
`
    : html`<tr class="ceiling">${name}${spreadCells(value)}<td colspan="${columns - 4}">${absent ?? ""}</td></tr>
`;
}

function spreadCells({ median, min, max }: NonNullable<Row["value"]>): Markup {
  return html`${[median, min, max].map((value) => html`<td class="n">${figure(value)}</td>`)}`;
}

export function floorTable(floors: SuiteReport["floors"]): Markup {
  if (floors.length === 0) return raw("");
  const rows = floors.map((floor) => {
    const [is, inC, why] = floorCells(floor);
    const verdict = verdictOf(floor);
    return html`<tr><td class="${verdict === "missed" ? "warn" : ""}">${verdict}</td><td>${floor.statement}</td><td class="n">${is}</td><td class="n">${inC}</td><td>${why}</td></tr>
`;
  });
  return html`<h3>Floors</h3>
<p class="faint">What the project states of itself.</p>
<table class="floors"><thead><tr><th scope="col"></th><th scope="col">statement</th><th scope="col" class="n">is</th><th scope="col" class="n">in C</th><th scope="col"></th></tr></thead><tbody>${rows}</tbody></table>
`;
}
