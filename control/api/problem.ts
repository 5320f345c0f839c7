// Errors as problem details, RFC 9457: status and code from the one table in errors.ts. What carries no code is a fault
// of ours: it is logged whole and shown as nothing but that.

import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { type ErrorCode, VxlaneError } from "../errors.js";

const PROBLEM_TYPE = "application/problem+json";

/** RFC 9457 section 3.1, with `code` as an extension member. */
export interface Problem {
  /** `about:blank`: the status says it all; programs look at `code`. */
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
}

export function problemOf(status: number, code: ErrorCode, detail: string): Problem {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, code };
}

export function addProblems(app: FastifyInstance, log: Logger): void {
  app.setNotFoundHandler((request, reply) => {
    const detail = `there is no ${request.method} ${request.url}`;
    return reply
      .code(404)
      .type(PROBLEM_TYPE)
      .send(problemOf(404, "ERR_NOT_FOUND", detail));
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = explain(error);
    if (problem.status >= 500) log.error({ err: error, method: request.method, url: request.url }, "request failed");
    return reply.code(problem.status).type(PROBLEM_TYPE).send(problem);
  });
}

function explain(error: FastifyError | VxlaneError): Problem {
  if (error instanceof VxlaneError) return problemOf(error.httpStatus, error.code, error.message);
  const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
  if (status < 500) return problemOf(status, "ERR_USAGE", error.message);
  return problemOf(status, "ERR_FAILURE", "vxlane has failed to answer this; its log says more");
}
