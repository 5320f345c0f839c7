// Adding, changing, replacing and removing, the same for everything that has a path of its own: silent when it is done, as `ip`
// is, or one JSON object that says what was done to what.

import { VxlaneError } from "../errors.js";
import type { ChangeAnswer } from "./answers.js";
import { type Api, route } from "./client.js";
import { printJson } from "./output.js";

export interface Subject {
  readonly path: string;
  /** For people, as in `port blue0 of network 100`. */
  readonly what: string;
  /** For programs: the words that name it. */
  readonly names: Readonly<Record<string, string | number>>;
}

export function networkSubject(vni: number): Subject {
  return { path: route("networks", vni), what: `network ${vni}`, names: { vni } };
}

export function portSubject(vni: number, name: string): Subject {
  const path = route("networks", vni, "ports", name);
  return { path, what: `port ${name} of network ${vni}`, names: { vni, name } };
}

export function remoteSubject(vni: number, address: string): Subject {
  const path = route("networks", vni, "vteps", address);
  return { path, what: `VTEP ${address} of network ${vni}`, names: { vni, address } };
}

export function entrySubject(vni: number, mac: string): Subject {
  const path = route("networks", vni, "fdb", mac);
  return { path, what: `${mac} of network ${vni}`, names: { vni, mac } };
}

/** @param hint what to do instead if it is there already. @throws ERR_CONFLICT if it is */
export async function add(
  api: Api,
  subject: Subject,
  body: object,
  isJson: true | undefined,
  hint = "",
): Promise<void> {
  try {
    tell(subject, await api.add<ChangeAnswer>(subject.path, body), isJson);
  } catch (error) {
    if (!(error instanceof VxlaneError && error.code === "ERR_PRECONDITION")) throw error;
    throw new VxlaneError("ERR_CONFLICT", `${subject.what} is there already${hint}`, { cause: error });
  }
}

export async function replace(api: Api, subject: Subject, body: object, isJson: true | undefined): Promise<void> {
  tell(subject, await api.put<ChangeAnswer>(subject.path, body), isJson);
}

/* Our choice: somebody else would have to be faster each time. */
const ATTEMPTS = 5;

/**
 * Changes what is there; what somebody else changes meanwhile is not lost.
 * @param bodyOf what it is to be @throws ERR_NOT_FOUND if it is not there
 */
export async function change<T>(
  api: Api,
  subject: Subject,
  bodyOf: (there: T) => Promise<object>,
  isJson: true | undefined,
): Promise<void> {
  for (let left = ATTEMPTS; ; left--) {
    const { value, tag } = await api.getTagged<T>(subject.path);
    const body = await bodyOf(value);
    try {
      return tell(subject, await api.put<ChangeAnswer>(subject.path, body, tag), isJson);
    } catch (error) {
      if (!(error instanceof VxlaneError && error.code === "ERR_PRECONDITION") || left === 1) throw error;
    }
  }
}

/** @throws ERR_NOT_FOUND if it is not there */
export async function remove(api: Api, subject: Subject, isJson: true | undefined): Promise<void> {
  await api.remove(subject.path);
  tell(subject, { result: "removed" }, isJson);
}

/** Says what was done, if anybody wants to know. */
export function tell({ names }: Subject, answer: ChangeAnswer, isJson: true | undefined): void {
  for (const warning of answer.warnings ?? []) process.stderr.write(`warning: ${warning}\n`);
  if (isJson) printJson({ ...names, ...answer });
}
