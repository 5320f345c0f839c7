// The labels that dashboards and alerts are built on: pinned here, one by one.

import { expect, it } from "vitest";
import { DROP_LABELS, dropLabel } from "../../../control/metrics/labels.js";

const DECAP = [
  "fragment",
  "truncated",
  "bad_checksum",
  "vtep_not_allowed",
  "flag_i_clear",
  "reserved_bits",
  "unknown_vni",
  "underlay_lost",
  "vtep_not_in_network",
  "inner_short",
  "source_mac_invalid",
  "source_mac_own",
  "static_conflict",
  "ecn",
  "inner_vlan",
  "filtered",
  "split_horizon",
  "no_destination",
  "too_big",
  "port_full",
  "port_down",
  "send_error",
];

const ENCAP = [
  "inner_short",
  "source_mac_invalid",
  "inner_vlan",
  "filtered",
  "same_port",
  "flood_none",
  "too_big",
  "underlay_full",
  "port_full",
  "send_error",
  "port_down",
  "port_lost",
];

it("derive from the names of the drops", () => {
  const of = (wanted: string) =>
    DROP_LABELS.filter(({ direction }) => direction === wanted).map(({ reason }) => reason);
  expect(of("decap")).toEqual(DECAP);
  expect(of("encap")).toEqual(ENCAP);
});

it("are read from the name alone", () => {
  expect(dropLabel("DecapBadChecksum")).toEqual({ direction: "decap", reason: "bad_checksum" });
  expect(dropLabel("DecapFlagIClear")).toEqual({ direction: "decap", reason: "flag_i_clear" });
  expect(dropLabel("EncapTooBig")).toEqual({ direction: "encap", reason: "too_big" });
  expect(() => dropLabel("TooBig")).toThrow(/no direction/);
});
