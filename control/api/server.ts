// The HTTP API on its unix socket. Who may open the socket may do everything, so its mode is the access control: owner
// and group. Routes are one file each; errors leave as problem details (RFC 9457) with a stable code.

import { lstat, mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { type FastifyInstance, fastify } from "fastify";
import type { Changes } from "../daemon/changes.js";
import type { Running } from "../daemon/running.js";
import { VxlaneError } from "../errors.js";
import { Lines } from "./bulk.js";
import { laneServer } from "./lane.js";
import { NDJSON } from "./list.js";
import { addProblems, problemOptions } from "./problem.js";
import { addRoutes } from "./route.js";
import { routesOf } from "./routes.js";

/* Our choices. */
/** Owner and group read and write: mode 0660. */
const SOCKET_UMASK = 0o117;
const DIRECTORY_MODE = 0o755;
/** Bytes of a body, unless a route takes more. */
const BODY_MAX = 64 * 1024;

export interface ApiServer {
  /** The socket's path. */
  readonly address: string;
  close(): Promise<void>;
}

/** Listens on the config's `api.socket`; a socket that nobody serves is replaced. @throws ERR_ALREADY_RUNNING, ERR_CONFLICT */
export async function startApi(running: Running, changes?: Changes): Promise<ApiServer> {
  const path = running.config.api.socket;
  const app = makeApi(running, changes);
  await app.ready();
  try {
    await mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
    await removeStale(path);
    await listenForGroup(app, path);
  } catch (error) {
    throw explainPath(error);
  }
  return {
    address: path,
    async close() {
      await app.close();
      // Nobody waits for their answers any more, but what was begun is finished before its interfaces are taken down.
      await changes?.stop();
      await rm(path, { force: true });
    },
  };
}

/** The API without its socket, as tests inject requests into it. @param changes without them the API only reads */
export function makeApi(running: Running, changes?: Changes): FastifyInstance {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    bodyLimit: BODY_MAX,
    serverFactory: laneServer(running),
    ...problemOptions(running.log),
  });
  // Routes check their requests themselves, with words.
  app.setValidatorCompiler(() => () => true);
  app.addContentTypeParser(NDJSON, { parseAs: "string" }, async (_: unknown, body: string) => new Lines(body));
  app.removeContentTypeParser("text/plain"); // a body is JSON, or is refused
  addProblems(app, running.log);
  addRoutes(app, routesOf(running, changes));
  return app;
}

async function listenForGroup(app: FastifyInstance, path: string): Promise<void> {
  const umask = process.umask(SOCKET_UMASK);
  try {
    await app.listen({ path });
  } finally {
    process.umask(umask);
  }
}

/** What the file system refused, for the one who chose the path. */
function explainPath(error: unknown): unknown {
  if (error instanceof VxlaneError || !(error instanceof Error && "code" in error)) return error;
  const isDenied = ["EACCES", "EPERM", "EROFS"].includes(String(error.code));
  const remedy = isDenied
    ? "; it wants a directory that this user may write to (systemd: RuntimeDirectory=vxlane)"
    : "";
  const code = isDenied ? "ERR_PRIVILEGE" : "ERR_FAILURE";
  return new VxlaneError(code, `api.socket: ${error.message}${remedy}`, { cause: error });
}

async function removeStale(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return;
  if (!there.isSocket()) throw new VxlaneError("ERR_CONFLICT", `${path} is there and is not a socket`);
  if (await answers(path)) throw new VxlaneError("ERR_ALREADY_RUNNING", `another vxlane answers on ${path}`);
  await rm(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
