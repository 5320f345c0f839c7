// The API's routes. Bodies and answers are JSON; field names are those of the config.
//
//   GET    /v1/status                                 how the daemon is
//   GET    /v1/stats                                  the counters
//   GET    /v1/vteps                                  every VTEP that is known, with its counters
//   GET    /v1/networks                               list
//   GET    /v1/networks/{vni}                         { vni, name, mtu, learning, ageing, innerVlan, flood, allow?, ports, fdb: { learned, static } }
//   PUT    /v1/networks/{vni}                         the config's network without vni; ports and fdb absent: those that are there stay
//   DELETE /v1/networks/{vni}
//   GET    /v1/networks/{vni}/ports                   list of { name, driver, queues, mac, persistent, status: { state, queues } }
//   GET    /v1/networks/{vni}/ports/{name}
//   PUT    /v1/networks/{vni}/ports/{name}            the config's port without name: { driver?, queues?, mac?, persistent? }
//   DELETE /v1/networks/{vni}/ports/{name}
//   GET    /v1/networks/{vni}/vteps                   list of { address }: the flood list
//   GET    /v1/networks/{vni}/vteps/{address}
//   PUT    /v1/networks/{vni}/vteps/{address}         {} (or no body); 409 unless the network floods by headend
//   DELETE /v1/networks/{vni}/vteps/{address}
//   GET    /v1/networks/{vni}/fdb                     list of { mac, vtep | port, kind: learned | static, age };
//                                                     and frozen: true if it is; ?kind= ?vtep= ?port= ?frozen= filter
//   PUT    /v1/networks/{vni}/fdb                     list of { mac, vtep | port } (JSON array or NDJSON): all are added or
//                                                     replaced, or none; answers { created, changed, unchanged }
//   POST   /v1/networks/{vni}/fdb/flush               { port?, vtep?, kind?: learned | static | all }; kind is learned unless
//                                                     said; answers { removed }
//   POST   /v1/fdb/flush                              the same, and vni?
//   GET    /v1/networks/{vni}/fdb/{mac}
//   PUT    /v1/networks/{vni}/fdb/{mac}               { vtep } or { port }: a static entry
//   DELETE /v1/networks/{vni}/fdb/{mac}               learned or static; 409 for a port's own MAC
//   POST   /v1/networks/{vni}/fdb/{mac}/thaw           a frozen entry may move again; answers { result: thawed | unchanged }
//   GET    /v1/openapi.json
//
// A PUT takes what the GET of the same path answers; with If-None-Match or If-Match it is conditional (conditions.ts). It
// answers { result }: 201 created, 200 changed or unchanged. A DELETE answers 204, or 404. A list is an array;
// with ?limit= it comes in pages, the next one named by the header `link: <…>; rel="next"`; with `accept:
// application/x-ndjson` it is one object a line. Errors are problem details, application/problem+json (problem.ts).

import type { Changes } from "../daemon/changes.js";
import type { Running } from "../daemon/running.js";
import { fdbChanges, fdbRoutes } from "./fdb.js";
import { networkChanges, networkRoutes } from "./networks.js";
import { openApiRoutes } from "./openapi.js";
import type { Route } from "./route.js";
import { statsRoutes } from "./stats.js";
import { statusRoutes } from "./status.js";

/** @param changes without them nothing can be changed */
export function routesOf(running: Running, changes?: Changes): Route[] {
  const routes = [
    ...statusRoutes(running),
    ...statsRoutes(running),
    ...networkRoutes(running),
    ...fdbRoutes(running),
    ...(changes === undefined ? [] : [...networkChanges(running, changes), ...fdbChanges(running, changes)]),
  ];
  return [...routes, ...openApiRoutes(routes)];
}
