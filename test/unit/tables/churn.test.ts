// Random changes of networks, ports, VTEPs and static entries under traffic, beside a model of plain Maps: after
// each change frames go where the model says, and when everything is gone nothing is left.

import fc from "fast-check";
import { expect, it } from "vitest";
import {
  address,
  BROADCAST,
  createFixture,
  type Fixture,
  frame,
  mac,
  networkOf,
  portSpec,
  receiveFrom,
  sendInto,
  settle,
  setWorker,
  spec,
} from "./fixture.js";

const VNIS = [0, 1, 4095, 0xffffff];
const VTEPS = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.1.2", "10.0.1.3"];
const PREFIX = "10.0.1.0/24";

interface ModelNetwork {
  vteps: Set<string>;
  ports: Set<string>;
  statics: Map<string, string>;
  hasPrefix: boolean;
}
type Model = Map<number, ModelNetwork>;

const portMac = (name: string) => `02:00:00:00:aa:${name.slice(1).padStart(2, "0")}`;
const staticMac = (n: number) => `02:00:00:00:bb:0${n}`;
const pick = fc.nat(1000);

const change = fc.record({
  kind: fc.constantFrom(
    "network",
    "port",
    "port",
    "vtep",
    "vtep",
    "vtep",
    "static",
    "static",
    "prefix",
    "tick",
    "sleep",
    "wake",
  ),
  vni: pick.map((n) => VNIS[n % VNIS.length]),
  vtep: pick.map((n) => VTEPS[n % VTEPS.length]),
  n: fc.nat(3),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function specOf(vni: number, network: ModelNetwork) {
  const allow = [PREFIX, "10.0.0.2"];
  return spec(vni, { vteps: [...network.vteps], ...(network.hasPrefix ? { allow } : {}) });
}

/** Every network with a port, so that all the rest is seen from the first change on. */
const BEGINNING: Change[] = VNIS.flatMap((vni) => [
  { kind: "network", vni, vtep: VTEPS[0], n: 1 },
  { kind: "port", vni, vtep: VTEPS[0], n: 0 },
]);

/** Adds what is not there, removes what is. */
function apply(fixture: Fixture, model: Model, { kind, vni, vtep, n }: Change): void {
  const { tables } = fixture;
  const network = model.get(vni);
  if (kind === "tick") tables.tick(250);
  if (kind === "sleep") setWorker(fixture, "asleep", 1);
  if (kind === "wake") setWorker(fixture, "running", 1);
  if (network === undefined) {
    if (kind !== "network") return;
    const added = { vteps: new Set([vtep]), ports: new Set<string>(), statics: new Map(), hasPrefix: n === 0 };
    tables.networks.add(specOf(vni, added));
    model.set(vni, added);
    return;
  }
  const name = `p${VNIS.indexOf(vni)}${n}`;
  switch (kind) {
    case "network":
      tables.networks.remove(vni);
      model.delete(vni);
      return;
    case "port":
      if (network.ports.delete(name)) tables.ports.remove(vni, name);
      else tables.ports.add(vni, [portSpec(name, portMac(name))]);
      if (tables.ports.find(name) !== undefined) network.ports.add(name);
      return;
    case "vtep":
      if (network.vteps.delete(vtep)) tables.networks.removeVtep(vni, address(vtep));
      else {
        network.vteps.add(vtep);
        tables.networks.addVtep(vni, address(vtep));
      }
      return;
    case "static":
      if (network.statics.get(staticMac(n)) === vtep) {
        tables.statics.remove(vni, mac(staticMac(n)));
        network.statics.delete(staticMac(n));
      } else {
        tables.statics.set(vni, mac(staticMac(n)), { vtep: address(vtep) });
        network.statics.set(staticMac(n), vtep);
      }
      return;
    case "prefix":
      network.hasPrefix = !network.hasPrefix;
      tables.networks.replace(specOf(vni, network));
  }
}

function allowed(network: ModelNetwork, vtep: string): boolean {
  if (network.hasPrefix) return vtep === "10.0.0.2" || vtep.startsWith("10.0.1.");
  return network.vteps.has(vtep) || [...network.statics.values()].includes(vtep);
}

function check(fixture: Fixture, model: Model): void {
  const { tables, ports } = fixture;
  expect(tables.networks.size).toBe(model.size);
  for (const vni of VNIS) {
    const network = model.get(vni);
    if (network === undefined) {
      expect(networkOf(fixture, vni)).toBe(0);
      continue;
    }
    const [port] = [...network.ports].flatMap((name) => tables.ports.find(name) ?? []);
    if (port === undefined) continue;
    const own = portMac(port.name);
    ports.sent.length = 0;
    expect(sendInto(fixture, port.id, frame(own, BROADCAST)).sort()).toEqual([...network.vteps].sort());
    expect(ports.sent).toHaveLength(network.ports.size - 1);
    for (const [to, vtep] of network.statics) expect(sendInto(fixture, port.id, frame(own, to))).toEqual([vtep]);
    for (const [index, vtep] of VTEPS.entries()) {
      const from = `02:00:00:00:cc:0${index}`;
      const received = receiveFrom(fixture, vtep, vni, frame(from, own)).length;
      expect(received, `${vtep} into ${vni}`).toBe(allowed(network, vtep) ? 1 : 0);
    }
  }
}

it("does what a model of Maps does, and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 80 }), async (changes) => {
      const fixture = await createFixture();
      const model: Model = new Map();
      for (const step of [...BEGINNING, ...changes]) {
        apply(fixture, model, step);
        check(fixture, model);
      }
      for (const vni of model.keys()) fixture.tables.networks.remove(vni);
      setWorker(fixture, "asleep", 1);
      settle(fixture);
      const { tables } = fixture;
      expect(tables.undertaker.waiting).toBe(0);
      expect(tables.lists.count).toBe(0);
      expect(tables.fdbCount).toBe(0);
      expect([...tables.vteps.ids()]).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
