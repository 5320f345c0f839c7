// Reads the words of a command line: VNIs, numbers, and the formats that the config has too, by the same readers. What
// is wrong is said here with what is allowed, before a daemon is asked.

import type { FORMATS, FormatName } from "../config/formats.js";
import { clip, show } from "../config/problems.js";
import { VxlaneError } from "../errors.js";
import type { NetworkAnswer } from "./answers.js";
import { type Api, route } from "./client.js";

/* From RFC 7348. */
const VNI_MAX = 0xffffff;

/** @throws ERR_USAGE */
export function readVni(text: string): number {
  return readNumber(text, "VNI", 0, VNI_MAX);
}

/** @throws ERR_USAGE */
export function readNumber(text: string, what: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number >= least && number <= most) return number;
  throw wrong(what, text, "is not in range", `a whole number from ${least} to ${most}`);
}

/** The normal spelling. @param what `--option` or `ARGUMENT`. @throws ERR_USAGE */
export async function read<N extends FormatName>(format: N, text: string, what: string): Promise<ValueOf<N>> {
  const { FORMATS } = await import("../config/formats.js");
  const { allowed, ...reader } = FORMATS[format];
  const result = reader.read(text);
  if ("value" in result) return result.value as ValueOf<N>;
  throw wrong(what, text, result.message, allowed, result.suggestion);
}

type ValueOf<N extends FormatName> = Extract<ReturnType<(typeof FORMATS)[N]["read"]>, { value: unknown }>["value"];

/** As `read`, for each of several texts. @throws ERR_USAGE */
export async function readAll<N extends FormatName>(
  format: N,
  texts: readonly string[] | undefined,
  what: string,
): Promise<ValueOf<N>[] | undefined> {
  return texts && Promise.all(texts.map((text) => read(format, text, what)));
}

/** A VNI, or the name of a network that the daemon has. @throws ERR_USAGE, ERR_NOT_FOUND */
export async function readNetwork(api: Api, text: string): Promise<number> {
  if (!/^[A-Za-z]/.test(text)) return readVni(text);
  const names: string[] = [];
  for await (const { vni, name } of api.items<NetworkAnswer>(route("networks"))) {
    if (name === text) return vni;
    if (typeof name === "string") names.push(name);
  }
  const { nearest } = await import("../config/spelling.js");
  throw new VxlaneError("ERR_NOT_FOUND", `there is no network ${text}${meant(nearest(text, names))}`);
}

function wrong(what: string, text: string, message: string, allowed: string, suggestion?: string): VxlaneError {
  const spelling = /^\S+$/.test(text) ? clip(text) : show(text);
  return new VxlaneError("ERR_USAGE", `${what}: ${spelling} ${message}; allowed: ${allowed}${meant(suggestion)}`);
}

function meant(suggestion: string | undefined): string {
  return suggestion === undefined ? "" : `; did you mean ${suggestion}?`;
}
