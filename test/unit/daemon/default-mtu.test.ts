// The MTU of networks that name none: what the underlay leaves on the day.

import { expect, it } from "vitest";
import type { NetworkConfig } from "../../../control/config/types.js";
import { Overlay } from "../../../control/daemon/overlay.js";
import { createFixture } from "../tables/fixture.js";

const network = (vni: number): NetworkConfig => ({
  vni,
  name: `net${vni}`,
  learning: true,
  ageing: 300,
  innerVlan: "keep",
  flood: { mode: "none" },
  ports: [],
  fdb: [],
});

it("follows the underlay's, and networks that are there keep theirs until they are put again", async () => {
  const { tables } = await createFixture();
  const noPorts = { open: () => {}, close: () => {}, setMtu: () => {} };
  const overlay = new Overlay(tables, noPorts as never, {} as never, 1450);
  overlay.add(network(1));
  overlay.setDefaultMtu(1350);
  overlay.add(network(2));
  const mtus = () => [...tables.networks].map(({ spec }) => spec.mtu);
  expect(mtus()).toEqual([1450, 1350]);
  expect(overlay.replace(network(1))).toBe(true);
  expect(mtus()).toEqual([1350, 1350]);
});
