// Errors that a person or a program is meant to read: each has a stable code, and one table says what the code
// means as an exit code of the command line and as an HTTP status of the API.
//
// Only control's edges throw them (config, command line, API, start-up). What carries a code is shown as its
// message; anything else that reaches an edge is a fault of vxlane itself and is shown with its stack.

/** Exit codes, the same for every command. */
export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_CONFIG = 2; // config or usage
export const EXIT_NO_DAEMON = 3;
export const EXIT_NOT_FOUND = 4;
export const EXIT_CONFLICT = 5;
export const EXIT_PRIVILEGE = 77; // EX_NOPERM of sysexits.h

/** What a code means outside. Codes are never renamed; new ones may come. */
const MEANINGS = {
  ERR_FAILURE: { exit: EXIT_FAILURE, status: 500 },
  ERR_SYSCALL: { exit: EXIT_FAILURE, status: 500 },
  ERR_TIMEOUT: { exit: EXIT_FAILURE, status: 504 },
  ERR_LIMIT: { exit: EXIT_FAILURE, status: 507 }, // a table is full

  ERR_USAGE: { exit: EXIT_CONFIG, status: 400 },
  ERR_CONFIG: { exit: EXIT_CONFIG, status: 422 }, // several problems of different kinds
  ERR_CONFIG_FILE: { exit: EXIT_CONFIG, status: 400 }, // cannot be read
  ERR_CONFIG_SYNTAX: { exit: EXIT_CONFIG, status: 400 },
  ERR_CONFIG_KEY_UNKNOWN: { exit: EXIT_CONFIG, status: 422 },
  ERR_CONFIG_KEY_MISSING: { exit: EXIT_CONFIG, status: 422 },
  ERR_CONFIG_VALUE: { exit: EXIT_CONFIG, status: 422 },
  ERR_CONFIG_DUPLICATE: { exit: EXIT_CONFIG, status: 422 },
  ERR_CONFIG_REFERENCE: { exit: EXIT_CONFIG, status: 422 }, // does not fit another key

  ERR_HOST_ADDRESS: { exit: EXIT_CONFIG, status: 422 },
  ERR_HOST_INTERFACE: { exit: EXIT_CONFIG, status: 422 },
  ERR_HOST_MTU: { exit: EXIT_CONFIG, status: 422 },
  ERR_HOST_PORT_TAKEN: { exit: EXIT_CONFIG, status: 409 },

  ERR_NO_DAEMON: { exit: EXIT_NO_DAEMON, status: 503 },
  ERR_NOT_FOUND: { exit: EXIT_NOT_FOUND, status: 404 },
  ERR_CONFLICT: { exit: EXIT_CONFLICT, status: 409 },
  ERR_PRECONDITION: { exit: EXIT_CONFLICT, status: 412 }, // If-Match or If-None-Match does not hold
  ERR_ALREADY_RUNNING: { exit: EXIT_CONFLICT, status: 409 },
  ERR_PRIVILEGE: { exit: EXIT_PRIVILEGE, status: 403 },
} as const;

export type ErrorCode = keyof typeof MEANINGS;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(MEANINGS, code);
}

export function exitCodeOf(code: ErrorCode): number {
  return MEANINGS[code].exit;
}

export function httpStatusOf(code: ErrorCode): number {
  return MEANINGS[code].status;
}

export class VxlaneError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  get exitCode(): number {
    return exitCodeOf(this.code);
  }

  get httpStatus(): number {
    return httpStatusOf(this.code);
  }
}

/** What anything that was thrown says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One mistake in a config, or one thing about this host that does not suit it. */
export interface ConfigProblem {
  readonly code: ErrorCode;
  /** Of the key, as in `networks[0].flood.vteps[1]`; empty for the document as a whole. */
  readonly path: string;
  /** As it stands in the file (a number keeps its spelling); undefined where a key is missing. */
  readonly value?: string;
  /** What is wrong, without path and value: `is not a unicast address`. */
  readonly message: string;
  /** What would be right: `a whole number from 0 to 16777215`. */
  readonly allowed?: string;
  /** The nearest right spelling. */
  readonly suggestion?: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
}

/** Everything that is wrong with a config, at once, in the order of the file. */
export class ConfigError extends VxlaneError {
  readonly problems: readonly ConfigProblem[];

  /** @param problems at least one; the error's code is theirs if they agree, ERR_CONFIG if only the kinds of mistake differ. */
  constructor(problems: readonly ConfigProblem[]) {
    super(commonCode(problems), problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** Without privileges nothing else can be put right, and a running daemon explains most other clashes: these decide. */
function commonCode(problems: readonly ConfigProblem[]): ErrorCode {
  const codes = new Set(problems.map((problem) => problem.code));
  for (const code of ["ERR_PRIVILEGE", "ERR_ALREADY_RUNNING"] as const) if (codes.has(code)) return code;
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : "ERR_CONFIG";
}

/** `FILE:LINE:COLUMN: path: value message; allowed: …; did you mean …?` on one line. */
export function formatProblem(problem: ConfigProblem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(":");
  const what = problem.value === undefined ? problem.message : `${problem.value} ${problem.message}`;
  const parts = [place, problem.path, what].filter((part) => part !== "");
  const allowed = problem.allowed === undefined ? "" : `; allowed: ${problem.allowed}`;
  const suggestion = problem.suggestion === undefined ? "" : `; did you mean ${problem.suggestion}?`;
  return `${parts.join(": ")}${allowed}${suggestion}`;
}
