// Asks a running daemon over its unix socket.
//
// A socket where nobody answers is "no daemon"; one that this user may not open is a missing privilege; what the API
// itself refuses is read in problem.ts.

import type { IncomingMessage } from "node:http";
import { type ErrorCode, VxlaneError } from "../errors.js";
import { ItemSplitter } from "./items.js";
import { type DaemonOptions, socketOf } from "./options.js";
import { errorOf } from "./problem.js";

/* Our choice. */
const SILENCE_MS = 10_000;

interface Call {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Each method throws VxlaneError: ERR_NO_DAEMON, ERR_PRIVILEGE, ERR_TIMEOUT, or what the API says. */
export class Api {
  constructor(
    readonly socketPath: string,
    readonly silenceMs = SILENCE_MS,
  ) {}

  /** The API of the daemon that the options mean. */
  static async of(options: DaemonOptions): Promise<Api> {
    return new Api(await socketOf(options));
  }

  async get<T>(path: string): Promise<T> {
    return parse(await text(await this.#open({ method: "GET", path })));
  }

  /** As `get`, with the tag that `put` takes. */
  async getTagged<T>(path: string): Promise<{ readonly value: T; readonly tag: string }> {
    const answer = await this.#open({ method: "GET", path });
    const { etag = "*" } = answer.headers;
    return { value: parse(await text(answer)), tag: etag };
  }

  /** As `get`; undefined if there is no such thing. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.get<T>(path);
    } catch (error) {
      if (error instanceof VxlaneError && error.code === "ERR_NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** The objects of a list, as many at a time as have arrived: awaiting each of a million would take seconds. */
  async *batches<T>(path: string): AsyncGenerator<T[]> {
    const headers = { accept: "application/x-ndjson" };
    const splitter = new ItemSplitter();
    for await (const chunk of chunks(await this.#open({ method: "GET", path, headers }))) {
      yield readJson(() => Array.from(splitter.push(chunk), (item) => JSON.parse(item) as T));
    }
    readJson(() => splitter.end());
  }

  /** The objects of a list, one by one. */
  async *items<T>(path: string): AsyncGenerator<T> {
    for await (const batch of this.batches<T>(path)) yield* batch;
  }

  /** Makes it what `body` says. @param tag of what it replaces @throws ERR_PRECONDITION if that is another by now */
  async put<T>(path: string, body: object, tag?: string): Promise<T> {
    const condition = tag === undefined ? {} : { headers: { "if-match": tag } };
    return parse(await text(await this.#open({ method: "PUT", path, body, ...condition })));
  }

  /** As `put`, of something that is not there yet. @throws ERR_PRECONDITION */
  async add<T>(path: string, body: object): Promise<T> {
    // RFC 9110 section 13.1.2
    return parse(await text(await this.#open({ method: "PUT", path, body, headers: { "if-none-match": "*" } })));
  }

  async post<T>(path: string, body: object): Promise<T> {
    return parse(await text(await this.#open({ method: "POST", path, body })));
  }

  async remove(path: string): Promise<void> {
    await text(await this.#open({ method: "DELETE", path }));
  }

  /** A successful answer; its body is not read yet. */
  async #open({ method, path, body, headers }: Call): Promise<IncomingMessage> {
    // Not above: help and mistakes in usage need no HTTP.
    const { request } = await import("node:http");
    const content = body === undefined ? undefined : JSON.stringify(body);
    const type = content === undefined ? {} : { "content-type": "application/json" };
    return new Promise((resolve, reject) => {
      const call = request({
        socketPath: this.socketPath,
        method,
        path,
        headers: { accept: "application/json", ...type, ...headers },
        timeout: this.silenceMs,
      });
      call.once("response", (answer) => {
        const status = answer.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(answer);
        else text(answer).then((problem) => reject(errorOf(`${method} ${path}`, status, problem)), reject);
      });
      call.once("timeout", () => {
        const silent = `the daemon at ${this.socketPath} is silent for ${this.silenceMs / 1000} s`;
        call.destroy(new VxlaneError("ERR_TIMEOUT", silent));
      });
      call.once("error", (error: NodeJS.ErrnoException) => reject(unreachable(error, this.socketPath)));
      call.end(content);
    });
  }
}

/** A path below /v1 of these parts, which may be any text. */
export function route(...parts: (string | number)[]): string {
  return `/v1/${parts.map((part) => encodeURIComponent(part).replaceAll("%3A", ":")).join("/")}`;
}

function unreachable(error: NodeJS.ErrnoException, socketPath: string): Error {
  if (error instanceof VxlaneError) return error;
  const fail = (code: ErrorCode, message: string) => new VxlaneError(code, message, { cause: error });
  if (error.code === "EACCES" || error.code === "EPERM") {
    return fail("ERR_PRIVILEGE", `${socketPath} may not be opened by this user; run as root or in its group`);
  }
  const why = {
    ENOENT: "there is no such socket",
    ENOTDIR: "there is no such socket",
    ECONNREFUSED: "nobody listens there",
  }[error.code ?? ""];
  return fail("ERR_NO_DAEMON", `no daemon answers at ${socketPath}: ${why ?? error.message}`);
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
    // A silence has been named already, where the call was made.
    if (error instanceof VxlaneError) throw error;
    throw new VxlaneError("ERR_NO_DAEMON", "the daemon went away while it answered", { cause: error });
  }
}

/** An answer without content has nothing to say but that it was done. */
function parse<T>(body: string): T {
  return readJson(() => {
    const value: unknown = JSON.parse(body === "" ? "{}" : body);
    if (typeof value !== "object" || value === null) throw new SyntaxError(`an answer of vxlane is no ${typeof value}`);
    return value as T;
  });
}

function readJson<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = "the answer is not JSON: is it vxlane that listens there?";
    throw new VxlaneError("ERR_FAILURE", message, { cause: error });
  }
}
