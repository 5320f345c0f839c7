// Runs the built command line as a shell would, and a daemon's double for it to talk to.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const MAIN = fileURLToPath(new URL("../../../dist/control/cli/main.js", import.meta.url));

export interface Result {
  /** -1: a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws if the command has not been built */
export function vxlane(...args: string[]): Promise<Result> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`);
  return new Promise((resolve) => {
    const options = { timeout: 20_000, maxBuffer: 1 << 28 };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** A directory that is gone after the test. */
export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "vxlane-cli-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export type Answer = unknown | ((request: IncomingMessage, response: ServerResponse) => void);

/** Answers GETs by path on a unix socket. Returns the socket's path. */
export async function daemonDouble(answers: Record<string, Answer>): Promise<string> {
  const path = join(directory(), "api.sock");
  const server = createServer((request, response) => {
    const { url = "" } = request;
    const answer = Object.hasOwn(answers, url) ? answers[url] : undefined;
    if (typeof answer === "function") answer(request, response);
    else if (answer === undefined) sendProblem(response, 404, "ERR_NOT_FOUND", `there is no ${url}`);
    else response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

export function sendProblem(response: ServerResponse, status: number, code: string, detail: string): void {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ type: "about:blank", title: "x", status, detail, code }));
}
