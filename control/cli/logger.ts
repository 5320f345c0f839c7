// The daemon's log: JSON lines on stderr, written as they come, so that the last line before a crash is there.
//
// Whoever reads the log may stand still, or be gone. Nothing waits for it: what a full pipe does not take is kept, up to a limit, and
// tried again with the next line or in a while; what is beyond the limit is lost, and the log says how many lines when it goes on.

import { destination, type Logger, pino, stdTimeFunctions } from "pino";

/* Our choices. */
const KEPT_BYTES_MAX = 2 ** 20;
const RETRY_MS = 500;

export function createLogger(level: string): Logger {
  // Node.js makes a pipe's or a socket's end non-blocking when it opens the stream for it; pino writes to the descriptor.
  process.stderr.on("error", () => {});
  const stderr = destination({ dest: 2, sync: true, maxLength: KEPT_BYTES_MAX, retryEAGAIN: () => false });
  const log = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stderr,
  );
  let isRetrying = false;
  let lost = 0;
  stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EAGAIN" || isRetrying) return; // another: nobody reads it any more, and frames go on
    isRetrying = true;
    setTimeout(() => {
      isRetrying = false;
      stderr.write("");
    }, RETRY_MS).unref();
  });
  stderr.on("drop", () => {
    lost++;
  });
  stderr.on("drain", () => {
    if (lost === 0) return;
    const lines = lost;
    lost = 0;
    log.warn({ lines }, "lines of this log were lost: nobody read it");
  });
  return log;
}
