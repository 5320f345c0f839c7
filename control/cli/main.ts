#!/usr/bin/env node
// The command `vxlane`.
//
// What is imported from here on is commander and the commands' own small files, so that help and mistakes answer at
// once; each command imports what weighs more when it runs.

import { EXIT_FAILURE, EXIT_OK } from "../errors.js";
import { execute } from "./execute.js";

// `vxlane fdb show | head`: the reader has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT_OK : EXIT_FAILURE);
});

const code = await execute(process.argv.slice(2));
if (code !== EXIT_OK) process.exitCode = code;
