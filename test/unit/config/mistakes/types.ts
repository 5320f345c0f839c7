// Values of a wrong type or kind.

import { type Mistake, network, PORT, port, reference, top, VNI } from "./mistake.js";

export const types: readonly Mistake[] = [
  { what: "nothing after local", text: "local:\n", path: "local", allowed: "unicast" },
  { what: "a null network", text: top("networks: [ ~ ]"), path: "networks[0]", allowed: "vni" },
  {
    what: "networks a map",
    text: top("networks: { vni: 1 }"),
    path: "networks",
    allowed: "list",
    suggestion: "[{ vni: 1 }]",
  },
  { what: "network a word", text: top("networks: [ blue ]"), path: "networks[0]", value: "blue" },
  { what: "document a list", text: "- local\n", path: "", allowed: "local" },
  { what: "document a word", text: "local\n", path: "", allowed: "local" },
  { what: "flood a word", text: network("flood: none"), path: "networks[0].flood", suggestion: "{ mode: none }" },
  {
    what: "vteps a word",
    text: network("flood: { mode: headend, vteps: 10.99.0.2 }"),
    path: "networks[0].flood.vteps",
    suggestion: "[10.99.0.2]",
  },
  { what: "vni a text", text: top('networks: [ { vni: "100" } ]'), path: VNI, value: '"100"', suggestion: "100" },
  { what: "vni a word", text: top("networks: [ { vni: blue } ]"), path: VNI, value: "blue" },
  { what: "learning yes", text: network("learning: yes"), path: "networks[0].learning", suggestion: "true" },
  { what: "learning off", text: network("learning: off"), path: "networks[0].learning", suggestion: "false" },
  { what: "checksum true", text: top("underlay: { checksum: true }"), path: "underlay.checksum", suggestion: "on" },
  {
    what: "checksum misspelt",
    text: top("underlay: { checksum: atuo }"),
    path: "underlay.checksum",
    suggestion: "auto",
  },
  { what: "underlay driver", text: top("underlay: { driver: udpp }"), path: "underlay.driver", suggestion: "udp" },
  { what: "port driver", text: port("driver: tpa"), path: `${PORT}.driver`, suggestion: "tap" },
  {
    what: "an xdp port with a mac",
    text: port('driver: xdp, mac: "02:00:00:00:00:01"'),
    path: `${PORT}.mac`,
    code: reference,
    allowed: "no mac",
  },
  {
    what: "an xdp port with queues",
    text: port("driver: xdp, queues: 2"),
    path: `${PORT}.queues`,
    code: reference,
    allowed: "queues",
  },
  {
    what: "an xdp port that stays",
    text: port("driver: xdp, persistent: true"),
    path: `${PORT}.persistent`,
    code: reference,
  },
  { what: "offloads true", text: top("offloads: true"), path: "offloads", value: "true", allowed: "auto" },
  { what: "offloads misspelt", text: top("offloads: of"), path: "offloads", suggestion: "off" },
  { what: "innerVlan", text: network("innerVlan: kep"), path: "networks[0].innerVlan", suggestion: "keep" },
  {
    what: "flood mode",
    text: network("flood: { mode: hedend, vteps: [] }"),
    path: "networks[0].flood.mode",
    value: "hedend",
    suggestion: "headend",
  },
  { what: "reservedBits", text: top("reservedBits: stict"), path: "reservedBits", suggestion: "strict" },
];
