// What a daemon knows that may stand on a command line: VNIs, ports, VTEPs. It is asked only while somebody waits with a
// finger on the Tab key, so it has a moment to answer, and any error means that nothing is known.

import type { FdbAnswer, NetworkAnswer, PortAnswer, VtepAnswer } from "../answers.js";
import { readNetwork } from "../arguments.js";
import { Api, route } from "../client.js";
import { type DaemonOptions, socketOf } from "../options.js";

/** What may stand there. */
export interface Candidate {
  readonly text: string;
  /** For people; may be empty. */
  readonly about: string;
}

/* Our choices. */
const PATIENCE_MS = 1000;
const CANDIDATES_MAX = 1000;

/** @param kind the name of an argument, as in `<vni>`. @param network that the line names, if it does */
export async function valuesOf(
  kind: string,
  network: string | undefined,
  options: DaemonOptions,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  try {
    const api = new Api(await socketOf(options), PATIENCE_MS);
    for await (const candidate of ask(api, kind, network)) {
      if (candidates.push(candidate) === CANDIDATES_MAX) break;
    }
  } catch {
    // What was known until here is better than nothing.
  }
  return candidates;
}

async function* ask(api: Api, kind: string, network: string | undefined): AsyncGenerator<Candidate> {
  if (kind === "vni") {
    for await (const { vni, name } of api.items<NetworkAnswer>(route("networks"))) {
      yield { text: String(vni), about: name };
    }
  } else if (kind === "name") {
    yield* ports(api, network);
  } else if (kind === "address") {
    for await (const { address } of api.items<VtepAnswer>(route("vteps"))) yield { text: address, about: "VTEP" };
  } else if (kind === "mac" && network !== undefined) {
    const path = route("networks", await readNetwork(api, network), "fdb");
    for await (const { mac, port, vtep } of api.items<FdbAnswer>(path)) yield { text: mac, about: port ?? vtep ?? "" };
  }
}

async function* ports(api: Api, network: string | undefined): AsyncGenerator<Candidate> {
  if (network !== undefined) {
    const path = route("networks", await readNetwork(api, network), "ports");
    for await (const { name } of api.items<PortAnswer>(path)) yield { text: name, about: `port of ${network}` };
    return;
  }
  for await (const { vni, ports } of api.items<NetworkAnswer>(route("networks"))) {
    for (const { name } of ports) yield { text: name, about: `port of ${vni}` };
  }
}
