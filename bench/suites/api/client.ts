// Sends requests at a daemon, by autocannon, at a lower priority than the forwarding has (priority.ts).

import type { ChildProcess } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { pause, spawnIn, stop } from "../../host.js";
import type { Run } from "../../suite.js";
import { pinned } from "../path/pinning.js";
import { CANNON, type Hits, type Shot } from "./cannon.js";
import { CLIENT_NICE, prioritise } from "./priority.js";

/* Our choice. */
const READY_MS = 10_000;

/** A client that is ready to begin. */
export class Client {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
    private readonly reader: Interface,
  ) {}

  static async load(run: Run, namespace: string, shot: Shot): Promise<Client> {
    const [file = "", ...args] = pinned("receiver", process.execPath, [CANNON, JSON.stringify(shot)]);
    const child = spawnIn(run, namespace, file, args, ["pipe", "pipe", "ignore"]);
    prioritise(child, CLIENT_NICE);
    const reader = createInterface({ input: requireStream(child.stdout) });
    const client = new Client(child, reader[Symbol.asyncIterator](), reader);
    await client.line();
    return client;
  }

  begin(): void {
    this.child.stdin?.write("begin\n");
  }

  /** Ends it. @throws if requests failed */
  async end(): Promise<Hits> {
    this.child.stdin?.end();
    const hits = JSON.parse(await this.line()) as Hits;
    this.reader.close();
    await stop(this.child);
    if (hits.failed > 0) throw new Error(`${hits.failed} requests failed`);
    return hits;
  }

  private async line(): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`autocannon said nothing for ${READY_MS} ms`)), READY_MS);
    });
    try {
      const { value, done } = await Promise.race([this.lines.next(), late]);
      if (done) throw new Error("autocannon has ended early");
      return value;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Requests for some seconds. */
export async function fire(run: Run, namespace: string, shot: Shot, seconds: number): Promise<Hits> {
  const client = await Client.load(run, namespace, shot);
  client.begin();
  await pause(run, seconds);
  return client.end();
}

function requireStream<T>(stream: T | null): T {
  if (stream === null) throw new Error("a process without its stdout");
  return stream;
}

/** The first line of what went wrong. */
export function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "unknown";
}
