// The style sheet of the HTML report: light, dark and printed. No fonts, pictures or scripts from elsewhere.

import { variables } from "./palette.js";

export const STYLE = `
:root { color-scheme: light dark; ${variables("light")} }
@media (prefers-color-scheme: dark) { :root { ${variables("dark")} } }
@media print { :root { color-scheme: light; ${variables("light")} } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .4rem; padding-top: 1rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .2rem; }
p { margin: .4rem 0; }
a { color: var(--s0); }
code { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; }
.faint, figcaption, .legend { color: var(--faint); font-size: .9rem; }
.summary { background: var(--panel); border-left: 4px solid var(--s0); padding: .7rem 1rem; margin: 1rem 0; }
.summary h2 { font-size: 1rem; margin: .6rem 0 0; padding: 0; border: 0; break-before: auto; }
.summary ul { margin: .3rem 0; padding-left: 1.2rem; }
.summary li { margin: .25rem 0; }
.warn { color: var(--warn); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .8rem 0; }
figure { margin: 1rem 0 1.8rem; }
figure .drawing { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; list-style: none; margin: .2rem 0; padding: 0; color: var(--ink); }
.legend svg { display: inline-block; width: 1.6em; height: .9em; margin-right: .4em; vertical-align: -.08em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; margin: .4rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .5rem 0 .15rem; }
caption code { font-weight: 400; color: var(--faint); margin-left: .6em; }
th, td { text-align: left; padding: .18rem .6rem .18rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--faint); font-weight: 500; }
tbody th { font-weight: 500; }
td.n, th.n { text-align: right; white-space: nowrap; padding-left: .5rem; }
td.u { white-space: nowrap; }
td.absent { color: var(--faint); font-style: italic; }
tr.ceiling th, tr.ceiling td { color: var(--faint); }
.floors td:first-child { white-space: nowrap; font-weight: 600; }
.measures { margin: .8rem 0; }
@media (max-width: 40rem) { body { padding: 1rem .7rem; } figure .drawing { min-width: 40rem; } }
@media print {
  @page { margin: 14mm 12mm; }
  html { font-size: 10.5pt; }
  body { max-width: none; padding: 0; }
  nav { display: none; }
  .suite + .suite > h2 { break-before: page; border-top: 0; padding-top: 0; margin-top: 0; }
  h2, h3, caption { break-after: avoid; }
  figure, tr, .scroll { break-inside: avoid; }
  figure { margin: .4rem 0 .8rem; }
  figure .drawing { max-height: 55mm; min-width: 0; }
  h3 { margin-top: .6rem; }
  table { font-size: .78rem; }
  thead { display: table-header-group; }
  .scroll { overflow: visible; }
  .summary, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
