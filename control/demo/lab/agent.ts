// The process that acts inside a namespace: it does what its parent asks for over the IPC channel, one message a
// call. It ends when the channel closes, so it never outlives a parent that was killed.

import { messageOf } from "../../errors.js";
import { type Actions, actions } from "./actions.js";

export interface Request {
  id: number;
  action: keyof Actions;
  parameters: unknown[];
}

export interface Reply {
  id: number;
  result?: unknown;
  error?: string;
}

async function serve({ id, action, parameters }: Request): Promise<Reply> {
  try {
    const act = actions[action] as (...parameters: unknown[]) => Promise<unknown>;
    return { id, result: await act(...parameters) };
  } catch (error) {
    return { id, error: `${action}: ${messageOf(error)}` };
  }
}

process.on("message", async (request: Request) => process.send?.(await serve(request)));
process.on("disconnect", () => process.exit(0));
process.send?.({ id: 0 } satisfies Reply); // ready
