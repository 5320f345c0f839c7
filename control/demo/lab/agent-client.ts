// The parent's half of an agent: starts it in a namespace and turns calls into messages.
//
// A call has a time limit of its own, so that whoever waits learns which action did not end, and with what arguments.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Actions } from "./actions.js";
import type { Reply, Request } from "./agent.js";
import type { Namespace } from "./netns.js";
import type { Watched } from "./process.js";

// Tests run from the sources, a child process from what is built.
const AGENT = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../../dist/control/demo/lab/agent.js" : "agent.js", import.meta.url),
);

/* Our choice: longer than any action's own limit, shorter than a test's. */
const CALL_TIMEOUT_MS = 60_000;
const SHOWN_CHARS = 200; // of the arguments

type Result<Name extends keyof Actions> = Actions[Name] extends (...parameters: never[]) => Promise<infer R>
  ? R
  : never;

/** Acts inside one namespace. */
export class Agent {
  readonly #process: Watched;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 1;

  private constructor(process: Watched) {
    this.#process = process;
    process.child.on("message", (reply: Reply) => {
      const call = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) call?.resolve(reply.result);
      else call?.reject(new Error(reply.error));
    });
    process.child.once("close", (code, signal) => {
      const error = new Error(`the agent ended (${signal ?? `exit ${code}`}): ${process.stderr}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** @throws if it is not built, or does not start */
  static async start(host: Namespace): Promise<Agent> {
    if (!existsSync(AGENT)) throw new Error(`${AGENT} is missing: run \`npm run build\` first`);
    const agent = new Agent(host.spawn(process.execPath, [AGENT], { ipc: true }));
    await new Promise((resolve, reject) => agent.#waiting.set(0, { resolve, reject }));
    return agent;
  }

  /** Does one action inside the namespace. @throws what the action threw */
  async call<Name extends keyof Actions>(
    action: Name,
    ...parameters: Parameters<Actions[Name]>
  ): Promise<Result<Name>> {
    const id = this.#next++;
    let timer: NodeJS.Timeout | undefined;
    return new Promise<Result<Name>>((resolve, reject) => {
      const fail = (error: Error) => {
        if (this.#waiting.delete(id)) reject(error);
      };
      this.#waiting.set(id, { resolve: (value) => resolve(value as Result<Name>), reject });
      this.#process.child.send({ id, action, parameters } satisfies Request, (error) => {
        if (error !== null) fail(error);
      });
      timer = setTimeout(() => fail(this.#late(action, parameters)), CALL_TIMEOUT_MS);
    }).finally(() => clearTimeout(timer));
  }

  #late(action: string, parameters: unknown[]): Error {
    const call = `${action}(${JSON.stringify(parameters).slice(1, -1).slice(0, SHOWN_CHARS)})`;
    return new Error(`${call} did not end in ${CALL_TIMEOUT_MS} ms; the agent's stderr:\n${this.#process.stderr}`);
  }
}
