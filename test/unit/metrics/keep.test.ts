// The metrics' port is somebody else's: said, and served as soon as it is free.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, it } from "vitest";
import { Problems } from "../../../control/daemon/problems.js";
import { keepServing } from "../../../control/metrics/keep.js";
import { createFakeDaemon } from "../daemon/running.js";

async function withTakenPort() {
  const { running } = await createFakeDaemon();
  const other: Server = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  const config = { ...running.config, metrics: { listen: { host: "127.0.0.1", port } } };
  const problems = new Problems(pino({ level: "silent" }));
  return { other, problems, running: { ...running, config }, url: `http://127.0.0.1:${port}/metrics` };
}

it("waits for its port, and says so meanwhile", async () => {
  const { other, problems, running, url } = await withTakenPort();
  const server = await keepServing(running, problems);
  expect(server.address).toBe(url);
  expect(problems.list()).toMatchObject([{ code: "metrics", message: expect.stringContaining("EADDRINUSE") }]);
  await new Promise((resolve) => other.close(resolve));
  await expect.poll(() => problems.list()).toEqual([]);
  expect(await (await fetch(url)).text()).toContain("vxlane_build_info");
  await server.close();
  await expect(fetch(url)).rejects.toThrow();
});

it("stops waiting when it is closed", async () => {
  const { other, problems, running, url } = await withTakenPort();
  await (await keepServing(running, problems)).close();
  await new Promise((resolve) => other.close(resolve));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await expect(fetch(url)).rejects.toThrow();
});
