// An answer that is no success, as an error for people. vxlane's API sends problem details (RFC 9457) with a `code`,
// which decides the exit code, and for mistakes in a request a list of `problems`, each of which becomes one sentence.
//
// A newer daemon may know codes that this command does not; then the HTTP status decides.

import { ConfigError, type ConfigProblem, type ErrorCode, isErrorCode, VxlaneError } from "../errors.js";

/* Our choice. */
const SHOWN_CHARS = 200;

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "ERR_USAGE",
  403: "ERR_PRIVILEGE",
  404: "ERR_NOT_FOUND",
  409: "ERR_CONFLICT",
  412: "ERR_PRECONDITION",
  413: "ERR_USAGE",
  415: "ERR_USAGE",
  422: "ERR_CONFIG",
  503: "ERR_NO_DAEMON",
};

/** @param call as in `GET /v1/status` */
export function errorOf(call: string, status: number, body: string): VxlaneError {
  const problem = parse(body);
  if (problem === undefined) return new VxlaneError("ERR_FAILURE", `${call}: ${status} ${body.slice(0, SHOWN_CHARS)}`);
  const code = isErrorCode(problem.code) ? problem.code : (CODE_OF_STATUS[status] ?? "ERR_FAILURE");
  const problems = Array.isArray(problem.problems) ? problem.problems.flatMap((item) => readProblem(item, code)) : [];
  return problems.length > 0 ? new ConfigError(problems) : new VxlaneError(code, sentence(problem));
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) && typeof value.detail === "string" ? value : undefined;
  } catch {
    return undefined; // Not an answer of vxlane's API.
  }
}

/** `path: detail; allowed: …`, without what the detail says already. */
function sentence({ detail, path, allowed }: Record<string, unknown>): string {
  const text = String(detail);
  const place = typeof path === "string" && path !== "" && !text.includes(path) ? `${path}: ` : "";
  const right = typeof allowed === "string" && !text.includes(allowed) ? `; allowed: ${allowed}` : "";
  return `${place}${text}${right}`;
}

function readProblem(item: unknown, code: ErrorCode): ConfigProblem[] {
  if (!isObject(item)) return [];
  const optional = (key: string) => (item[key] === undefined ? {} : { [key]: String(item[key]) });
  return [
    {
      code: isErrorCode(item.code) ? item.code : code,
      path: String(item.path ?? ""),
      message: String(item.message ?? item.detail ?? "is not right"),
      ...optional("value"),
      ...optional("allowed"),
      ...optional("suggestion"),
    },
  ];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
