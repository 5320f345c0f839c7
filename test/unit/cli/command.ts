// Runs the command line, in this process or as a shell would, and a daemon's double for it to talk to.

import { type ExecFileOptions, execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished, vi } from "vitest";
import { execute } from "../../../control/cli/execute.js";

export const MAIN = fileURLToPath(new URL("../../../dist/control/cli/main.js", import.meta.url));

export interface Result {
  /** -1: a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line as main.ts runs it, but in this process: a process for each of some hundred takes a minute. */
export async function vxlane(...args: string[]): Promise<Result> {
  const written = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    const code = await execute(args);
    return { code, ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** The built command line, as a shell runs it. @throws if it has not been built */
export function built(...args: string[]): Promise<Result> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`);
  return runs(process.execPath, [MAIN, ...args]);
}

/** Any program, whatever its exit code. */
export function runs(program: string, args: string[], options: ExecFileOptions = {}): Promise<Result> {
  return new Promise((resolve) => {
    const all = { timeout: 60_000, maxBuffer: 1 << 28, ...options };
    execFile(program, args, all, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout: String(stdout), stderr: String(stderr) });
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

export interface Call {
  /** As in `PUT /v1/networks/100`. */
  readonly call: string;
  readonly body?: unknown;
  /** It must not be there yet. */
  readonly isNew?: true;
}

export interface Double {
  readonly socket: string;
  /** What was asked, but for GETs. */
  readonly changes: Call[];
  /** All that was asked, in order, as in `GET /v1/status`. */
  readonly calls: string[];
}

/** Answers by path (a GET) or by method and path on a unix socket; what it has no answer for is not there. */
export async function daemon(answers: Record<string, Answer>): Promise<Double> {
  const double: Double = { socket: join(directory(), "api.sock"), changes: [], calls: [] };
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const call = `${method} ${url}`;
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    double.calls.push(call);
    if (method !== "GET") {
      const isNew = headers["if-none-match"] === "*" ? ({ isNew: true } as const) : {};
      double.changes.push({ call, ...(body === "" ? {} : { body: JSON.parse(body) as unknown }), ...isNew });
    }
    const key = method === "GET" ? url : call;
    const answer = Object.hasOwn(answers, key) ? answers[key] : undefined;
    if (typeof answer === "function") answer(request, response);
    else if (answer === undefined) sendProblem(response, 404, "ERR_NOT_FOUND", `there is no ${url}`);
    else if (answer === "") response.writeHead(204).end();
    else response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(double.socket, resolve));
  return double;
}

/** The socket of a double that is only asked. */
export async function daemonDouble(answers: Record<string, Answer>): Promise<string> {
  return (await daemon(answers)).socket;
}

/** An answer that refuses. */
export function problem(status: number, code: string, detail: string, more: object = {}): Answer {
  return (_request: IncomingMessage, response: ServerResponse) => sendProblem(response, status, code, detail, more);
}

export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  more: object = {},
): void {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ type: "about:blank", title: "x", status, detail, code, ...more }));
}
