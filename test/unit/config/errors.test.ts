// What codes mean outside, and which one a list of problems has.

import { expect, test } from "vitest";
import {
  ConfigError,
  type ErrorCode,
  exitCodeOf,
  formatProblem,
  httpStatusOf,
  isErrorCode,
  VxlaneError,
} from "../../../control/errors.js";

test.each<[ErrorCode, number, number]>([
  ["ERR_FAILURE", 1, 500],
  ["ERR_USAGE", 2, 400],
  ["ERR_CONFIG", 2, 422],
  ["ERR_HOST_PORT_TAKEN", 2, 409],
  ["ERR_NO_DAEMON", 3, 503],
  ["ERR_NOT_FOUND", 4, 404],
  ["ERR_CONFLICT", 5, 409],
  ["ERR_ALREADY_RUNNING", 5, 409],
  ["ERR_PRIVILEGE", 77, 403],
])("%s: exit code %i, status %i", (code, exit, status) => {
  expect([exitCodeOf(code), httpStatusOf(code)]).toEqual([exit, status]);
  expect(new VxlaneError(code, "m")).toMatchObject({ code, exitCode: exit, httpStatus: status, name: "VxlaneError" });
});

test("codes are recognised, nothing else is", () => {
  expect(isErrorCode("ERR_USAGE")).toBe(true);
  for (const other of ["ERR_NONE", "EPERM", "toString", "__proto__", 5, undefined])
    expect(isErrorCode(other)).toBe(false);
});

test("a list's code: rights first, then a running daemon, else the one code that all have, else ERR_CONFIG", () => {
  const codeOf = (...codes: ErrorCode[]) =>
    new ConfigError(codes.map((code) => ({ code, path: "p", message: "m" }))).code;
  expect(codeOf("ERR_HOST_MTU")).toBe("ERR_HOST_MTU");
  expect(codeOf("ERR_HOST_MTU", "ERR_HOST_MTU")).toBe("ERR_HOST_MTU");
  expect(codeOf("ERR_HOST_MTU", "ERR_CONFIG_VALUE")).toBe("ERR_CONFIG");
  expect(codeOf("ERR_HOST_MTU", "ERR_ALREADY_RUNNING")).toBe("ERR_ALREADY_RUNNING");
  expect(codeOf("ERR_ALREADY_RUNNING", "ERR_PRIVILEGE")).toBe("ERR_PRIVILEGE");
});

test("a problem with and without its parts", () => {
  expect(formatProblem({ code: "ERR_CONFIG_VALUE", path: "", message: "m" })).toBe("m");
  expect(formatProblem({ code: "ERR_CONFIG_VALUE", path: "a.b", message: "m", file: "f" })).toBe("f: a.b: m");
  const whole = {
    code: "ERR_CONFIG_VALUE",
    path: "a",
    value: "v",
    message: "m",
    allowed: "x",
    suggestion: "s",
    file: "f",
    line: 1,
    column: 2,
  } as const;
  expect(formatProblem(whole)).toBe("f:1:2: a: v m; allowed: x; did you mean s?");
});
