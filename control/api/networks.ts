// /v1/networks and what a network consists of besides its FDB: ports, and the VTEPs of its flood list.

import { formatAddress } from "../address.js";
import type { Changes, Outcome } from "../daemon/changes.js";
import type { Running } from "../daemon/running.js";
import { VxlaneError } from "../errors.js";
import { conditionOf, tagOf } from "./conditions.js";
import { describeNetwork, describePort, writtenNetwork, writtenPort } from "./describe.js";
import { byKey, numericCursor, sendList, textCursor } from "./list.js";
import { writableNetwork, writablePort, writableVtep } from "./read-only.js";
import { type Call, type Route, route } from "./route.js";
import { checkNetwork, checkUnderlay, checkXdpPorts } from "./rules.js";
import * as S from "./schemas.js";

const NETWORKS = "/v1/networks";
const NETWORK = "/v1/networks/{vni}";
const PORTS = "/v1/networks/{vni}/ports";
const PORT = "/v1/networks/{vni}/ports/{name}";
const VTEPS = "/v1/networks/{vni}/vteps";
const VTEP = "/v1/networks/{vni}/vteps/{address}";

/** Bodies that may hold many entries: some 160,000. */
export const LARGE_BODY = 8 * 1024 * 1024;

export const PUT_ANSWERS = {
  200: { description: "it was there: changed, or unchanged", schema: S.PutAnswer },
  201: { description: "it was not there before", schema: S.PutAnswer },
};
export const GONE = { 204: { description: "it is gone" } };
const one = (schema: object, hasTag = false) => ({ 200: { description: "it", schema, hasTag } });
const many = (schema: object) => ({ 200: { description: "all, or a page", schema: S.listOf(schema) } });

export function networkRoutes(running: Running): Route[] {
  const { networks, ports } = running.tables;
  const vnis = function* () {
    for (const network of networks) yield network.spec.vni;
  };
  return [
    route(
      "GET",
      NETWORKS,
      { summary: "All networks", query: S.PAGING, isList: true, answers: many(S.NetworkAnswer) },
      (call) =>
        sendList(
          call,
          byKey(vnis(), numericCursor(call.query), (vni) => {
            const network = networks.find(vni);
            return network && describeNetwork(running, network);
          }),
        ),
    ),
    route(
      "GET",
      NETWORK,
      { summary: "A network", answers: one(S.NetworkAnswer, true), problems: [404] },
      ({ params, reply }) => {
        const network = networks.get(params.vni);
        reply.header("etag", tagOf(writtenNetwork(running, network)));
        return describeNetwork(running, network);
      },
    ),
    route(
      "GET",
      PORTS,
      { summary: "A network's ports", query: S.PAGING, isList: true, answers: many(S.PortAnswer), problems: [404] },
      (call) => {
        const network = networks.get(call.params.vni);
        const describe = (name: string) => {
          const port = network.ports.get(name);
          return port && describePort(running, port);
        };
        return sendList(call, byKey(network.ports.keys(), textCursor(call.query), describe));
      },
    ),
    route(
      "GET",
      PORT,
      { summary: "A port", answers: one(S.PortAnswer, true), problems: [404] },
      ({ params, reply }) => {
        const port = networks.get(params.vni).ports.get(params.name);
        if (port === undefined) {
          const owner = networks.byId(ports.find(params.name)?.network ?? 0);
          const where = owner === undefined ? "" : `; network ${owner.spec.vni} has`;
          throw new VxlaneError("ERR_NOT_FOUND", `network ${params.vni} has no port ${params.name}${where}`);
        }
        reply.header("etag", tagOf(writtenPort(running, port)));
        return describePort(running, port);
      },
    ),
    route(
      "GET",
      VTEPS,
      {
        summary: "A network's flood list",
        query: S.PAGING,
        isList: true,
        answers: many(S.VtepAnswer),
        problems: [404],
      },
      (call) =>
        sendList(
          call,
          byKey(floodList(running, call.params.vni), textCursor(call.query), (address) => ({ address })),
        ),
    ),
    route(
      "GET",
      VTEP,
      { summary: "A VTEP of the flood list", answers: one(S.VtepAnswer), problems: [404] },
      ({ params }) => {
        const { vni, address } = params;
        if (floodList(running, vni).includes(address)) return { address };
        throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} does not flood to ${address}`);
      },
    ),
  ];
}

/** The addresses that a network floods to; none unless it floods by headend. */
function floodList({ tables }: Running, vni: number): string[] {
  const { flood } = tables.networks.get(vni).spec;
  return flood.mode === "headend" ? flood.vteps.map(formatAddress) : [];
}

export function networkChanges(running: Running, changes: Changes): Route[] {
  const { config, tables } = running;
  return [
    route(
      "PUT",
      NETWORK,
      {
        summary: "Add a network, or change it",
        description: "It happens whole or not at all; other networks do not notice.",
        body: S.NetworkBody,
        writable: writableNetwork,
        isConditional: true,
        bodyMax: LARGE_BODY,
        answers: PUT_ANSWERS,
        problems: [409, 413, 422],
      },
      async (call) => {
        const { vni } = call.params;
        const body = call.body as { ports?: object[]; fdb?: object[] };
        const there = new Set(tables.networks.find(vni)?.ports.keys() ?? []);
        // The rules want to know the ports that entries may point to.
        const ports = body.ports ?? [...there].map((name) => ({ name }));
        const { network, warnings } = checkNetwork(config, { ...body, vni, ports });
        if (network.mtu !== undefined) checkUnderlay(config, network);
        if (body.ports !== undefined) checkXdpPorts(config, network.ports, there, (index) => ["ports", index, "name"]);
        const { ports: wantedPorts, fdb, ...rest } = network;
        const condition = conditionOf(call, `network ${vni}`, () => {
          const current = tables.networks.find(vni);
          return current && writtenNetwork(running, current);
        });
        const change = {
          ...rest,
          ...(body.ports === undefined ? {} : { ports: wantedPorts }),
          ...(body.fdb === undefined ? {} : { fdb }),
        };
        return answerPut(call, await changes.putNetwork(change, condition), warnings);
      },
    ),
    route(
      "DELETE",
      NETWORK,
      { summary: "Remove a network, with its ports and entries", answers: GONE, problems: [404] },
      (call) => answerGone(call, changes.removeNetwork(call.params.vni)),
    ),
    route(
      "PUT",
      PORT,
      {
        summary: "Add a port",
        description: "Its interface is made, and up. What a port was made with, it keeps: another mac is a conflict.",
        body: S.PortBody,
        writable: writablePort,
        isConditional: true,
        answers: PUT_ANSWERS,
        problems: [404, 409, 413, 422],
      },
      async (call) => {
        const { vni, name } = call.params;
        const there = new Set(tables.networks.get(vni).ports.keys());
        const draft = { vni, ports: [{ ...(call.body as object), name }] };
        const { network, warnings } = checkNetwork(config, draft, (path) =>
          path.replace(/networks\[0\]\.ports\[0\]\.?/g, ""),
        );
        checkXdpPorts(config, network.ports, there, () => ["name"]);
        const condition = conditionOf(call, `port ${name} of network ${vni}`, () => {
          const current = tables.networks.find(vni)?.ports.get(name);
          return current && writtenPort(running, current);
        });
        return answerPut(call, await changes.putPort(vni, network.ports[0], condition), warnings);
      },
    ),
    route(
      "DELETE",
      PORT,
      { summary: "Remove a port and, unless it is persistent, its interface", answers: GONE, problems: [404] },
      (call) => answerGone(call, changes.removePort(call.params.vni, call.params.name)),
    ),
    route(
      "PUT",
      VTEP,
      {
        summary: "Add a VTEP to the flood list",
        body: S.VtepBody,
        writable: writableVtep,
        isConditional: true,
        answers: PUT_ANSWERS,
        problems: [404, 409, 422],
      },
      async (call) => {
        const { vni, address } = call.params;
        tables.networks.get(vni);
        const draft = { vni, flood: { mode: "headend", vteps: [address] } };
        const { warnings } = checkNetwork(config, draft, (path) =>
          path.replace("networks[0].flood.vteps[0]", "address"),
        );
        const condition = conditionOf(call, `VTEP ${address} of network ${vni}`, () => {
          return floodList(running, vni).includes(address) ? { address } : undefined;
        });
        return answerPut(call, await changes.putVtep(vni, address, condition), warnings);
      },
    ),
    route(
      "DELETE",
      VTEP,
      { summary: "Take a VTEP out of the flood list", answers: GONE, problems: [404, 409] },
      (call) => answerGone(call, changes.removeVtep(call.params.vni, call.params.address)),
    ),
  ];
}

export function answerPut(call: Pick<Call, "reply">, result: Outcome, warnings: readonly string[]): object {
  call.reply.code(result === "created" ? 201 : 200);
  return warnings.length === 0 ? { result } : { result, warnings };
}

export async function answerGone(call: Pick<Call, "reply">, done: Promise<void>): Promise<undefined> {
  await done;
  call.reply.code(204).send();
}
