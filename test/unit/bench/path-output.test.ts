// What the path suite reads from its programs: iperf3, sockperf, and the log of a daemon that refused to start.

import { describe, expect, test } from "vitest";
import { parseIperf3, parseSockperf, refusal } from "../../../bench/suites/path/output.js";

describe("iperf3", () => {
  const report = (end: object, error?: string): string => JSON.stringify({ start: {}, intervals: [], end, error });

  test("takes what was received, not what was sent", () => {
    const end = {
      sum_sent: { bytes: 3_079_405_568, bits_per_second: 2.6e10 },
      sum_received: { start: 0, end: 1.004, seconds: 1.004, bytes: 3_000_000_000, bits_per_second: 24_525_102_309 },
    };
    expect(parseIperf3(report(end))).toEqual({ gigabitPerSecond: 24.525102309, gigabytes: 3 });
  });

  test("a failure is its own words", () => {
    expect(() => parseIperf3(report({}, "unable to connect to server: No route to host"))).toThrow(/No route to host/);
    expect(() => parseIperf3(report({}))).toThrow("iperf3: no result");
    expect(() => parseIperf3("iperf3: parameter error")).toThrow(/parameter error/);
    expect(() => parseIperf3("")).toThrow("iperf3: no output");
    const nothing = { sum_received: { bytes: 0, bits_per_second: 0 } };
    expect(() => parseIperf3(report(nothing))).toThrow("iperf3: nothing arrived");
  });
});

describe("sockperf", () => {
  const text = `sockperf: \u001b[2;35m== version #3.7-no.git == \u001b[0m
sockperf: [Total Run] RunTime=1.000 sec; Warm up time=400 msec; SentMessages=100046; ReceivedMessages=4974
sockperf: ========= Printing statistics for Server No: 0
sockperf: [Valid Duration] RunTime=0.550 sec; SentMessages=54981; ReceivedMessages=2750
sockperf: \u001b[2;35m====> avg-rtt=31.410 (std-dev=64.667)\u001b[0m
sockperf: \u001b[2;35mTotal 2750 observations\u001b[0m; each percentile contains 27.50 observations
sockperf: ---> <MAX> observation = 1470.178
sockperf: ---> percentile 99.999 = 1470.178
sockperf: ---> percentile 99.990 = 1470.000
sockperf: ---> percentile 99.900 = 1143.993
sockperf: ---> percentile 99.000 =   69.568
sockperf: ---> percentile 90.000 =   38.131
sockperf: ---> percentile 50.000 =   25.593
sockperf: ---> <MIN> observation =   11.912
`;

  test("reads percentiles and the rate that it really sent", () => {
    const { messagesPerSecond, ...rest } = parseSockperf(text);
    expect(rest).toEqual({ observations: 2750, p50Us: 25.593, p99Us: 69.568, p999Us: 1143.993 });
    expect(messagesPerSecond).toBeCloseTo(99_965, 0);
  });

  test("no answer is a failure, although sockperf ends with 0", () => {
    const silent = "sockperf: Test ended\nsockperf: No messages were received from the server. Is the server down?\n";
    expect(() => parseSockperf(silent)).toThrow(/No messages were received/);
    expect(() => parseSockperf("")).toThrow("sockperf: no output");
    expect(() => parseSockperf(text.replace(/.*percentile 99.900.*\n/, ""))).toThrow("no percentile 99.900");
  });
});

describe("a daemon's refusal", () => {
  test("the first complaint about the config, without the name of a file that is gone by then", () => {
    const log =
      "vxlane: /tmp/x/vxlane.yaml:2:20: underlay.driver: xdp is not one of the choices\nvxlane: /tmp/x:5:1: more\n";
    expect(refusal(log)).toBe("underlay.driver: xdp is not one of the choices");
    expect(refusal("vxlane: root is missing\n")).toBe("root is missing");
  });

  test("else the last warning or error of the log", () => {
    const log = [
      { level: 30, msg: "starting" },
      { level: 50, msg: "stopped", err: { message: "TUNSETOFFLOAD: EINVAL" } },
      { level: 30, msg: "bye" },
    ];
    expect(refusal(log.map((line) => JSON.stringify(line)).join("\n"))).toBe("stopped: TUNSETOFFLOAD: EINVAL");
    expect(refusal("{ broken\nnode: bad option")).toBe("node: bad option");
    expect(refusal("")).toBe("no reason given");
  });
});
