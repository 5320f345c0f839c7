// Serves the metrics, or keeps trying: frames do not wait for a TCP port that somebody else has. `vxlane run` has checked
// the port before it starts anything; this is for who takes it between the two, and for tests.

import type { Problems } from "../daemon/problems.js";
import type { Running } from "../daemon/running.js";
import { VxlaneError } from "../errors.js";
import { type MetricsServer, startMetrics } from "./server.js";

/* Our choice. */
const RETRY_MS = 2000;

/** Its address is where the metrics are, or will be. */
export async function keepServing(running: Running, problems: Pick<Problems, "begin" | "end">): Promise<MetricsServer> {
  const { host, port } = running.config.metrics.listen;
  const subject = `${host}:${port}`;
  let server: MetricsServer | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const attempt = async (): Promise<void> => {
    try {
      const started = await startMetrics(running);
      if (isClosed) return started.close();
      server = started;
      problems.end("metrics", subject);
    } catch (error) {
      if (!(error instanceof VxlaneError && error.code === "ERR_HOST_PORT_TAKEN")) throw error;
      problems.begin("metrics", subject, error.message);
      if (!isClosed) timer = setTimeout(() => void attempt().catch(report), RETRY_MS);
    }
  };
  const report = (error: unknown) => running.log.error({ err: error }, "could not serve the metrics");

  await attempt();
  return {
    address: server?.address ?? `http://${host.includes(":") ? `[${host}]` : host}:${port}/metrics`,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await server?.close();
    },
  };
}
