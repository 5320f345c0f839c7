// Asks a running daemon over its unix socket. Which socket: --socket, else the one of the config that --config names,
// else the default.
//
// Errors of the API carry a code (RFC 9457 with an extension), which decides the exit code; a socket where nobody
// answers is "no daemon".

import { type IncomingMessage, request } from "node:http";
import type { Command } from "commander";
import { isErrorCode, VxlaneError } from "../errors.js";

/* Our choices. */
const DEFAULT_SOCKET = "/run/vxlane/api.sock";
const SILENCE_MS = 10_000;

export interface DaemonOptions {
  readonly socket?: string;
  readonly config?: string;
  readonly json?: true;
}

/** The options of every command that asks the daemon. */
export function addDaemonOptions(command: Command): Command {
  return command
    .option("-s, --socket <path>", `the daemon's socket (default: the config's, else ${DEFAULT_SOCKET})`)
    .option("-c, --config <file>", "the daemon's config, to find its socket")
    .option("--json", "print JSON");
}

export async function socketOf({ socket, config }: DaemonOptions): Promise<string> {
  if (socket !== undefined || config === undefined) return socket ?? DEFAULT_SOCKET;
  const { loadConfig } = await import("../config/config.js");
  return loadConfig(config).api.socket;
}

/** The JSON answer to a GET. @throws VxlaneError ERR_NO_DAEMON, or what the API says */
export async function get<T>(socketPath: string, path: string): Promise<T> {
  return parse(await text(await open(socketPath, path)));
}

/** The objects of a JSON array that the API streams, one by one. @throws as `get` */
export async function* getItems<T>(socketPath: string, path: string): AsyncGenerator<T> {
  const splitter = new ItemSplitter();
  for await (const chunk of chunks(await open(socketPath, path))) {
    for (const item of splitter.push(chunk)) yield parse<T>(item);
  }
}

/** Cuts a stream of objects (in an array, or a line each) into the text of each object. */
export class ItemSplitter {
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #item = "";

  *push(chunk: string): Generator<string> {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const char = chunk[i];
      if (this.#isString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (char === "\\") this.#isEscaped = true;
        else if (char === '"') this.#isString = false;
      } else if (char === '"') this.#isString = true;
      else if (char === "{" && this.#depth++ === 0) start = i;
      else if (char === "}" && --this.#depth === 0) {
        yield this.#item + chunk.slice(start, i + 1);
        this.#item = "";
      }
    }
    if (this.#depth > 0) this.#item += chunk.slice(start);
  }
}

/** An answer of 200; its body is not read yet. */
function open(socketPath: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, headers: { accept: "application/json" }, timeout: SILENCE_MS });
    call.once("response", (answer) => {
      if (answer.statusCode === 200) resolve(answer);
      else refuse(answer, path).then(reject, reject);
    });
    call.once("timeout", () => {
      call.destroy(new VxlaneError("ERR_TIMEOUT", `the daemon at ${socketPath} is silent for ${SILENCE_MS / 1000} s`));
    });
    call.once("error", (error: NodeJS.ErrnoException) => reject(unreachable(error, socketPath)));
    call.end();
  });
}

function unreachable(error: NodeJS.ErrnoException, socketPath: string): Error {
  if (error instanceof VxlaneError) return error;
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new VxlaneError(
      "ERR_PRIVILEGE",
      `${socketPath} may not be opened by this user; run as root or in its group`,
    );
  }
  const why = { ENOENT: "there is no such socket", ECONNREFUSED: "nobody listens there" }[error.code ?? ""];
  return new VxlaneError("ERR_NO_DAEMON", `no daemon answers at ${socketPath}: ${why ?? error.message}`);
}

/** What the API says of an error. */
async function refuse(answer: IncomingMessage, path: string): Promise<VxlaneError> {
  const body = await text(answer);
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem === "object" && problem !== null && "code" in problem && "detail" in problem) {
      if (isErrorCode(problem.code)) return new VxlaneError(problem.code, String(problem.detail));
    }
  } catch {
    // Not an answer of vxlane's API.
  }
  return new VxlaneError("ERR_FAILURE", `GET ${path}: ${answer.statusCode} ${body.slice(0, 200)}`);
}

async function text(answer: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of chunks(answer)) body += chunk;
  return body;
}

async function* chunks(answer: IncomingMessage): AsyncGenerator<string> {
  answer.setEncoding("utf8");
  try {
    for await (const chunk of answer) yield String(chunk);
  } catch (error) {
    throw new VxlaneError("ERR_NO_DAEMON", "the daemon went away while it answered", { cause: error });
  }
}

function parse<T>(body: string): T {
  try {
    return JSON.parse(body) as T;
  } catch {
    throw new VxlaneError("ERR_FAILURE", "the answer is not JSON: is it vxlane that listens there?");
  }
}
