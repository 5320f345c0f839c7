// vxlane run: the daemon in the foreground. One line on stdout when frames flow, structured logs on stderr, until a
// signal comes or it fails.
//
// The config and this host are checked before the daemon is even loaded, so a mistake costs nothing and leaves
// nothing behind. The first signal stops in order, the second at once.

import { type Command, Option } from "commander";
import type { Daemon } from "../../daemon/daemon.js";
import { EXIT_FAILURE, EXIT_OK, formatProblem } from "../../errors.js";
import { complain, report } from "../report.js";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/* Our choice. */
const STOP_MS = 1800; // a service manager is promised 2 s

interface Options {
  readonly config: string;
  readonly logLevel: string;
}

export function addRun(program: Command): void {
  program
    .command("run")
    .description("run the VTEP in the foreground")
    .requiredOption("-c, --config <file>", "the config (YAML)")
    .addOption(new Option("-l, --log-level <level>", "least level that is logged").choices(LEVELS).default("info"))
    .addHelpText(
      "after",
      `
Prints one line {"ready":true,"api":…,"metrics":…} on stdout when frames flow,
and logs as JSON lines on stderr. SIGTERM or SIGINT stops it and removes what
it made, with exit code 0; a second one stops it at once.

Examples:
  vxlane run --config /etc/vxlane.yaml
  vxlane run --config /etc/vxlane.yaml --log-level debug`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const stop = new StopRequest();
  // Whoever started us may be gone before the one line: no reason to stop.
  process.stdout.removeAllListeners("error").on("error", () => {});
  const { readConfigFile } = await import("../../config/config.js");
  const { config, warnings, source } = readConfigFile(options.config);
  const [{ checkHost }, { readHostFacts }, { createLogger }] = await Promise.all([
    import("../../config/host.js"),
    import("../../config/host-facts.js"),
    import("../logger.js"),
  ]);
  const log = createLogger(options.logLevel);
  const hostWarnings = await checkHost(config, readHostFacts(), source);
  for (const warning of [...warnings, ...hostWarnings]) log.warn({ path: warning.path }, formatProblem(warning));

  const { startDaemon } = await import("../../daemon/daemon.js");
  if (stop.isAsked) process.exit(EXIT_OK);
  const fault = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
  let daemon: Daemon;
  try {
    daemon = await startDaemon(config, log);
  } catch (error) {
    process.exit(report(error));
  }
  if (!stop.isAsked) process.stdout.write(`${JSON.stringify({ ready: true, ...daemon.ready })}\n`);

  const reason = await Promise.race([stop.signal, daemon.failed, fault]);
  if (reason instanceof Error) log.fatal({ err: reason }, "failed, stopping");
  else log.info({ signal: reason }, "stopping");
  const isClean = await stopInTime(daemon);
  // Not left to the event loop: a forgotten handle must not keep the process.
  process.exit(isClean && !(reason instanceof Error) ? EXIT_OK : EXIT_FAILURE);
}

/** The first signal asks to stop; the second ends the process there and then. */
class StopRequest {
  isAsked = false;
  readonly signal = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (this.isAsked) process.exit(EXIT_FAILURE);
        this.isAsked = true;
        resolve(signal);
      });
    }
  });
}

async function stopInTime(daemon: Daemon): Promise<boolean> {
  const late = setTimeout(() => {
    complain(`did not stop within ${STOP_MS} ms`);
    process.exit(EXIT_FAILURE);
  }, STOP_MS);
  try {
    await daemon.stop();
    return true;
  } catch (error) {
    report(error);
    return false;
  } finally {
    clearTimeout(late);
  }
}
