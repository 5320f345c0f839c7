// How an error ends a command: a message for people on stderr, and the exit code.

import { ConfigError, EXIT_FAILURE, EXIT_PRIVILEGE, formatProblem, VxlaneError } from "../errors.js";
import { ALWAYS_NEEDED, missingCapabilities, remedyFor } from "../linux/capabilities.js";

/** Any driver might have asked. */
const RIGHTS = [...ALWAYS_NEEDED, "CAP_BPF", "CAP_PERFMON"] as const;

const REMEDIES: Readonly<Record<string, string>> = {
  EMFILE: "; raise the limit of open files (ulimit -n; systemd: LimitNOFILE)",
};

/** Prints why a command failed. Returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) complain(formatProblem(problem));
    return error.exitCode;
  }
  if (error instanceof VxlaneError) {
    complain(error.message);
    return error.exitCode;
  }
  if (isSyscallFailure(error)) {
    const denied = ["EPERM", "EACCES"].includes(error.code);
    const remedy = denied
      ? `: permission denied; ${remedyFor(missingCapabilities(RIGHTS))}`
      : (REMEDIES[error.code] ?? "");
    complain(`${error.message}${remedy}`);
    return denied ? EXIT_PRIVILEGE : EXIT_FAILURE;
  }
  // Not meant to happen: whoever mends it wants the stack.
  complain(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT_FAILURE;
}

export function complain(message: string): void {
  process.stderr.write(`vxlane: ${message}\n`);
}

/** Node's own and control/linux's: what the operating system refused. */
function isSyscallFailure(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "errno" in error && "code" in error && typeof error.code === "string";
}
