// Whether this is the only benchmark on the machine: two at once measure each other. Whoever runs holds a name that the
// kernel gives back when the process ends, however it ends (an abstract Unix socket, so there is no file to forget).

import { createServer } from "node:net";

const NAME = "\0vxlane-bench";

/** Holds the name for as long as this process lives. @returns false if another benchmark has it */
export function isAlone(name: string = NAME): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((client) => client.destroy());
    server.once("listening", () => resolve(true));
    // Anything else than a name in use says nothing of others.
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
    server.listen(name).unref();
  });
}
