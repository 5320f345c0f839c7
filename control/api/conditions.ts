// Conditional requests, RFC 9110 section 13: a PUT that wants to make something new, or to change only what it has
// seen. The condition is asked where the change has its turn, so nothing comes between the two.
//
// A tag stands for what a PUT writes. Counters and states change without anybody's request, and are none of its.

import { createHash } from "node:crypto";
import type { Condition } from "../daemon/changes.js";
import { VxlaneError } from "../errors.js";
import type { Call } from "./route.js";

/** A strong entity tag. */
export function tagOf(written: object): string {
  return `"${createHash("sha256").update(JSON.stringify(written)).digest("base64url").slice(0, 22)}"`;
}

/**
 * What a request's headers ask for.
 * @param what for people, as in `network 100`
 * @param current what a PUT would write to change nothing; undefined: there is no such thing
 */
export function conditionOf(
  { request }: Pick<Call, "request">,
  what: string,
  current: () => object | undefined,
): Condition | undefined {
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = request.headers;
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined;
  return () => {
    const there = current();
    const has = (header: string, isSame: (tag: string) => boolean) =>
      there !== undefined && (header.trim() === "*" || header.split(",").some((tag) => isSame(tag.trim())));
    const tag = there === undefined ? "" : tagOf(there);
    if (ifMatch !== undefined && !has(ifMatch, (each) => each === tag)) {
      throw refuse(there === undefined ? `${what} is not there` : `${what} is ${tag} now, not what If-Match names`);
    }
    // Section 13.1.2: a weak comparison.
    if (ifNoneMatch !== undefined && has(ifNoneMatch, (each) => each.replace(/^W\//, "") === tag)) {
      throw refuse(`${what} is there already${ifNoneMatch.trim() === "*" ? "" : `, as ${tag}`}`);
    }
  };
}

function refuse(message: string): VxlaneError {
  return new VxlaneError("ERR_PRECONDITION", message);
}
