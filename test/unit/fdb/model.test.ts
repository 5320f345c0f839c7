// Random operations on tiny tables, so that kicks, full buckets, limits and stale entries are the rule, against a Map.

import fc from "fast-check";
import { beforeAll, describe, it } from "vitest";
import { FDB_FLAG_OWN, FDB_FLAG_STATIC } from "../../../dataplane-wasm/layout.js";
import { Model } from "./model.js";
import { keyOf, Table, type TableOptions } from "./table.js";

const networks = fc.integer({ min: 1, max: 3 });
const keys = fc.tuple(networks, fc.integer({ min: 0, max: 30 })).map(([network, host]) => keyOf(network, host));
const workers = fc.integer({ min: 0, max: 2 });
const kinds = fc.integer({ min: 1, max: 2 });
const ids = fc.constantFrom(1, 2, 0xfffff);
const flags = fc.constantFrom(0, FDB_FLAG_STATIC, FDB_FLAG_STATIC | FDB_FLAG_OWN);

type Step = (model: Model) => void;
const learn = fc.tuple(workers, keys, kinds, ids).map(
  ([worker, key, kind, id]): Step =>
    (model) =>
      model.learn(worker, key, kind, id),
);
const steps = fc.oneof(
  { weight: 12, arbitrary: learn },
  {
    weight: 3,
    arbitrary: fc.tuple(workers, keys, kinds, ids, flags).map(
      ([worker, key, kind, id, flag]): Step =>
        (model) =>
          model.set(worker, key, kind, id, flag),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(workers, keys, fc.boolean()).map(
      ([worker, key, frozen]): Step =>
        (model) =>
          model.freeze(worker, key, frozen),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(workers, keys).map(
      ([worker, key]): Step =>
        (model) =>
          model.remove(worker, key),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(1, 5, 40, 65_500).map(
      (seconds): Step =>
        (model) =>
          model.pass(seconds),
    ),
  },
  {
    weight: 1,
    arbitrary: workers.map(
      (worker): Step =>
        (model) =>
          model.sweep(worker),
    ),
  },
  {
    weight: 1,
    arbitrary: networks.map(
      (network): Step =>
        (model) =>
          model.flushGeneration(network),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(workers, fc.integer({ min: 0, max: 3 }), fc.option(fc.tuple(kinds, ids), { nil: undefined }))
      .map(
        ([worker, network, destination]): Step =>
          (model) =>
            model.flush(worker, network, destination),
      ),
  },
);

describe("the FDB against a Map", () => {
  let table: Table;
  beforeAll(async () => {
    table = await Table.create({ buckets: 1 });
  });

  const run = (options: TableOptions) => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 20, maxLength: 80, size: "max" }), (sequence) => {
        table.reset(options);
        const model = new Model(table, options);
        for (const step of sequence) step(model);
      }),
      { numRuns: 25 },
    );
  };

  it.each([1, 2, 4, 8, 32])("%i buckets, full to the last slot", (buckets) => run({ buckets, ageing: 30 }));
  it("a capacity below the slots", () => run({ buckets: 8, capacity: 11, ageing: 30 }));
  it("a learn limit of each network", () => run({ buckets: 16, limit: 4, ageing: 30 }));
  it("no ageing", () => run({ buckets: 8, ageing: 0 }));
  it("no learning", () => run({ buckets: 4, ageing: 30, learning: false }));
});
