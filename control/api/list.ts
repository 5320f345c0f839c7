// Lists: whole, in pages, or one object a line (NDJSON, if the caller accepts it). Items come in slices, as their JSON
// text, and are written while they are read: however long the list, only some slices stand in memory, and between two
// slices everybody else has their turn. A slow reader is waited for.
//
// A page says in a Link header (RFC 8288) where the next one begins. What changes between two pages may be missed; what
// stays as it is is seen.

import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { VxlaneError } from "../errors.js";
import type { Call } from "./route.js";

export const NDJSON = "application/x-ndjson";
export const JSON_TYPE = "application/json; charset=utf-8";

/* Our choice: a fraction of a millisecond. */
const SLICE_KEYS = 64;

export interface Slice {
  /** JSON texts. */
  readonly items: readonly string[];
  /** The cursor behind item `index`. */
  readonly after: (index: number) => string;
}

/** Answers with a list. */
export async function sendList(call: Call<never>, slices: AsyncIterable<Slice>): Promise<undefined> {
  const { reply, query, request } = call;
  const isLines = acceptsLines(request.headers.accept);
  reply.type(isLines ? NDJSON : JSON_TYPE).header("vary", "accept");
  const { limit } = query;
  if (typeof limit !== "number") {
    reply.send(Readable.from(isLines ? lines(slices) : array(slices), { highWaterMark: 2 }));
    return;
  }
  const { items, next } = await page(slices, limit);
  if (next !== undefined) reply.header("link", `<${nextUrl(request.url, next)}>; rel="next"`);
  reply.send(isLines ? items.map((item) => `${item}\n`).join("") : `[${items.join(",\n")}]\n`);
}

function acceptsLines(accept: string | undefined): boolean {
  return (accept ?? "").split(",").some((part) => part.split(";")[0].trim().toLowerCase() === NDJSON);
}

/** @param url as it was asked for */
function nextUrl(url: string, cursor: string): string {
  const [path = "", query] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set("cursor", cursor);
  return `${path}?${parameters}`;
}

async function* array(slices: AsyncIterable<Slice>): AsyncGenerator<string> {
  let separator = "[";
  for await (const { items } of slices) {
    if (items.length === 0) continue;
    yield separator + items.join(",\n");
    separator = ",\n";
  }
  yield separator === "[" ? "[]\n" : "]\n";
}

async function* lines(slices: AsyncIterable<Slice>): AsyncGenerator<string> {
  for await (const { items } of slices) if (items.length > 0) yield `${items.join("\n")}\n`;
}

async function page(slices: AsyncIterable<Slice>, limit: number): Promise<{ items: string[]; next?: string }> {
  const page: string[] = [];
  let next = "";
  for await (const { items, after } of slices) {
    const room = limit - page.length;
    if (items.length > room) {
      page.push(...items.slice(0, room));
      return { items: page, next: room > 0 ? after(room - 1) : next };
    }
    for (const item of items) page.push(item);
    if (items.length > 0) next = after(items.length - 1);
  }
  return { items: page };
}

/**
 * Slices of what has a key, in the order of the keys.
 * @param keys of today
 * @param cursor the key before the first
 * @param describe undefined for what is gone since
 */
export async function* byKey<K extends string | number>(
  keys: Iterable<K>,
  cursor: K | undefined,
  describe: (key: K) => unknown,
): AsyncGenerator<Slice> {
  const wanted = [...keys].filter((key) => cursor === undefined || key > cursor);
  wanted.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (let start = 0; start < wanted.length; start += SLICE_KEYS) {
    const found = wanted.slice(start, start + SLICE_KEYS).flatMap((key) => {
      const item = describe(key);
      return item === undefined ? [] : [{ key, item }];
    });
    yield { items: found.map(({ item }) => JSON.stringify(item)), after: (index) => String(found[index].key) };
    await turn();
  }
}

/** A cursor that is a number. @throws ERR_USAGE */
export function numericCursor({ cursor }: Call["query"]): number | undefined {
  if (cursor === undefined) return undefined;
  if (/^\d{1,10}$/.test(String(cursor))) return Number(cursor);
  throw new VxlaneError("ERR_USAGE", `cursor: ${JSON.stringify(cursor)} is not one that this list gave`);
}

export function textCursor({ cursor }: Call["query"]): string | undefined {
  return cursor === undefined ? undefined : String(cursor);
}
