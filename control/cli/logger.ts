// The daemon's log: JSON lines on stderr, written as they come, so that the last line before a crash is there.

import { destination, type Logger, pino, stdTimeFunctions } from "pino";

export function createLogger(level: string): Logger {
  const stderr = destination({ dest: 2, sync: true });
  // Nobody reads the log any more: frames go on.
  stderr.on("error", () => {});
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stderr,
  );
}
