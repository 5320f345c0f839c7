// Multicast groups of the daemon: one socket each, however many networks name it, and one worker that reads it.

import { expect, it, onTestFinished } from "vitest";
import { UnderlaySockets } from "../../../control/daemon/underlay-sockets.js";
import { closeFd, createEpoll } from "../../../control/linux/index.js";
import { FakeGroups } from "../api/fixture.js";
import { createFixture, settle } from "../tables/fixture.js";

const GROUP = "239.1.1.1";

it("a group that no worker can wait for is not joined, and is when it can", async () => {
  const fixture = await createFixture();
  const epoll = createEpoll();
  onTestFinished(() => closeFd(epoll));
  let isShort = true;
  const workers = { count: 1, epoll: () => (isShort ? -1 : epoll) };
  const groups = new FakeGroups();
  const sockets = new UnderlaySockets(groups, workers, fixture.tables.epochs);
  expect(() => sockets.join(GROUP)).toThrow("EBADF");
  expect(groups.joined.size).toBe(0);
  isShort = false;
  sockets.join(GROUP);
  sockets.join(GROUP);
  expect([...groups.joined]).toEqual([GROUP]);
  sockets.leave(GROUP);
  settle(fixture);
  expect([...groups.joined]).toEqual([GROUP]);
  sockets.leave(GROUP);
  settle(fixture);
  expect(groups.joined.size).toBe(0);
});
