// Opens an HTML file in headless Chromium, and says what it found there: mistakes of the page, what it loaded, and how big
// everything was drawn.
//
// The page is opened as a copy with a script at its end, which writes what it sees into the document; `--dump-dom`
// prints the document. So no driver is needed, and the page itself stays without script.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { tryRun } from "../../control/demo/lab/process.js";

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"],
];
const TIMEOUT_MS = 60_000;

export interface Drawing {
  readonly title: string;
  /** Of the drawn page, pixels. */
  readonly width: number;
  readonly height: number;
  /** Lines, bars and points that are larger than nothing. */
  readonly shapes: number;
  /** Drawn beyond the drawing's own edge. */
  readonly outside: number;
  readonly texts: number;
}

export interface Seen {
  readonly errors: readonly string[];
  /** Whatever was, or would have been, loaded beside the page. */
  readonly resources: readonly string[];
  readonly drawings: readonly Drawing[];
  /** `rgb(255, 255, 255)` */
  readonly background: string;
  readonly ink: string;
  /** Of the first drawing's shapes and texts. */
  readonly colours: readonly string[];
  /** Wider than its window: the reader has to scroll sideways. */
  readonly overflows: boolean;
}

const PROBE = `
(() => {
  const isDrawn = (each) => each.closest("defs") === null;
  const drawings = [...document.querySelectorAll("figure svg:not([aria-hidden])")];
  const boxes = (svg, names) => [...svg.querySelectorAll(names)].filter(isDrawn).map((each) => each.getBoundingClientRect());
  // A text's stroke is the page's colour: it keeps lines off it.
  const colour = (each) => ["fill", ...(each.tagName === "text" ? [] : ["stroke"])].map((name) => getComputedStyle(each)[name]);
  const seen = {
    errors: window.pageErrors,
    resources: [
      ...performance.getEntriesByType("resource").map(({ name }) => name),
      ...[...document.querySelectorAll("[src], link, image, use, iframe, object")].map((each) => each.outerHTML),
    ],
    drawings: drawings.map((svg) => {
      const all = svg.getBoundingClientRect();
      const shapes = boxes(svg, "path, circle, polyline, polygon, line").filter(({ width, height }) => width + height > 0);
      const isOutside = (box) =>
        box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1 || box.bottom > all.bottom + 1;
      const texts = boxes(svg, "text").filter(({ width, height }) => width > 0 && height > 0);
      return {
        title: svg.querySelector("title")?.textContent ?? "",
        width: all.width,
        height: all.height,
        shapes: shapes.length,
        outside: [...shapes, ...texts].filter(isOutside).length,
        texts: texts.length,
      };
    }),
    background: getComputedStyle(document.documentElement).backgroundColor,
    ink: getComputedStyle(document.documentElement).color,
    colours: [...new Set([...(drawings[0]?.querySelectorAll("path, text") ?? [])].filter(isDrawn).flatMap(colour))],
    overflows: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  };
  const pre = document.createElement("pre");
  pre.id = "seen";
  pre.textContent = encodeURIComponent(JSON.stringify(seen));
  document.body.append(pre);
})();`;

const LISTEN = `window.pageErrors = []; addEventListener("error", (event) => window.pageErrors.push(event.message), true);`;

/** @throws if Chromium fails, or shows another page */
export async function look(file: string, { dark = false, width = 1000 } = {}): Promise<Seen> {
  const folder = await mkdtemp(join(tmpdir(), "vxlane-browser-"));
  try {
    const page = await readFile(file, "utf8");
    const copy = join(folder, "page.html");
    const probed = page
      .replace("<head>", `<head><script>${LISTEN}</script>`)
      .replace("</body>", `<script>${PROBE}</script></body>`);
    await writeFile(copy, probed);
    const args = [
      ...FLAGS,
      `--user-data-dir=${join(folder, "profile")}`,
      `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`,
      `--window-size=${width},1000`,
      "--dump-dom",
      pathToFileURL(copy).href,
    ];
    const { code, stdout, stderr } = await tryRun("chromium", args, { timeoutMs: TIMEOUT_MS });
    const found = /<pre id="seen">([^<]*)<\/pre>/.exec(stdout)?.[1];
    if (code !== 0 || found === undefined) throw new Error(`chromium: exit ${code}: ${stderr}`);
    const seen = JSON.parse(decodeURIComponent(found)) as Seen;
    const logged = stderr.split("\n").filter((line) => /CONSOLE.*(error|refused|violat)/i.test(line));
    return { ...seen, errors: [...seen.errors, ...logged] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the pages' count of the file printed as PDF */
export async function print(file: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "vxlane-browser-"));
  try {
    const pdf = join(folder, "page.pdf");
    const args = [`--user-data-dir=${join(folder, "profile")}`, `--print-to-pdf=${pdf}`, pathToFileURL(file).href];
    const { code, stderr } = await tryRun("chromium", [...FLAGS, ...args], { timeoutMs: TIMEOUT_MS });
    if (code !== 0) throw new Error(`chromium: exit ${code}: ${stderr}`);
    return (await readFile(pdf, "latin1")).match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
