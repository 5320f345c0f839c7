// A network is changed while there is hardly any room for lists: it is changed whole, or refused and left as it was, however much
// room is left and wherever in the change it ends.

import { expect, it } from "vitest";
import { LISTS_SIZE } from "../../../dataplane-wasm/layout.js";
import { Api, BLUE, headend, OURS } from "./fixture.js";

/** Sizes of blocks that lists of this test have. */
const BLOCKS = [16, 32, 64, 128, 256, 512];
const TURNS = 24;

/** As the double of its interface has it. */
const PORT_B = "0a:00:00:00:00:01";

const before = {
  flood: headend("10.0.0.2", "10.0.0.3"),
  allow: ["10.0.0.0/8"],
  ports: [{ name: "a", mac: OURS }, { name: "b" }, { name: "c" }],
};
const after = {
  flood: headend("10.0.0.4", "10.0.0.5", "10.0.0.6"),
  allow: ["10.0.0.0/9", "10.0.0.0/16"],
  ports: [{ name: "a", mac: OURS }, { name: "d" }, { name: "e" }],
};

/** Takes all room, and gives a block of each size back at a time. */
async function fill(api: Api): Promise<() => void> {
  const { lists } = api.fixture.tables;
  const list = (bytes: number) => lists.flood([], new Array(bytes / 4 - 2).fill(0));
  const given = Array.from({ length: TURNS }, () => BLOCKS.map(list));
  for (let bytes = LISTS_SIZE / 16; bytes >= 16; bytes /= 2) {
    try {
      for (;;) list(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_LIMIT" });
    }
  }
  return () => {
    for (const pointer of given.pop() ?? []) lists.free(pointer);
  };
}

it.each([
  ["ports that come and go", after, 200],
  ["and an entry for a port's MAC at the end", { ...after, fdb: [{ mac: PORT_B, vtep: "10.0.0.9" }] }, 409],
])("%s", async (_what, wanted, most) => {
  const api = await Api.create();
  expect((await api.put(BLUE, before)).status).toBe(201);
  const was = { ...(api.state() as object), lists: 0 };
  const giveBack = await fill(api);
  const statuses: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const { status, body } = await api.put(BLUE, wanted);
    statuses.push(status);
    if (status === 200) break;
    expect([status, body.code]).toEqual(status === 507 ? [507, "ERR_LIMIT"] : [409, "ERR_CONFLICT"]);
    expect({ ...(api.state() as object), lists: 0 }, `room given ${turn} times`).toEqual(was);
    giveBack();
  }
  expect([statuses[0], statuses.at(-1)]).toEqual([507, most]);
  if (most === 200) {
    const { tables } = api.fixture;
    expect([...tables.networks.get(100).ports.keys()]).toEqual(["a", "d", "e"]);
    expect([...api.devices.open.keys()]).toEqual(["a", "d", "e"]);
  }
});
