#!/usr/bin/env node
// The command `vxlane`: parses the command line, runs one command, and turns what it throws into a message on stderr
// and an exit code.
//
// This file and program.ts import nothing but commander, so that help and mistakes answer at once; each command
// imports what it needs when it runs.

import { CommanderError } from "commander";
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from "../errors.js";
import { createProgram } from "./program.js";
import { report } from "./report.js";

// `vxlane fdb show | head`: the reader has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT_OK : EXIT_FAILURE);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has printed its own: help and version end with 0, everything else is a mistake in usage.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_CONFIG;
  else process.exitCode = report(error);
}
