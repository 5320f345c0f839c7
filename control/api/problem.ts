// Errors as problem details, RFC 9457: status and code from the one table in errors.ts. What carries no code is a fault
// of ours: it is logged whole and shown as nothing but that.

import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyServerOptions } from "fastify";
import type { Logger } from "pino";
import { ConfigError, type ConfigProblem, type ErrorCode, httpStatusOf, VxlaneError } from "../errors.js";
import { SyscallError } from "../linux/index.js";

/** curl sends another type unless it is told. */
const BODY_TYPE_REMEDY = "content-type: application/json (curl: --json, or -H 'content-type: application/json')";

export const PROBLEM_TYPE = "application/problem+json";

/** RFC 9457 section 3.1, with `code` as an extension member. */
export interface Problem {
  /** `about:blank`: the status says it all; programs look at `code`. */
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  /** Every mistake of a body. */
  readonly problems?: readonly ConfigProblem[];
}

function problemOf(status: number, code: ErrorCode, detail: string): Problem {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, code };
}

/** What fastify itself refuses, before there is a route: a broken URL, broken HTTP. */
export function problemOptions(log: Logger): Pick<FastifyServerOptions, "frameworkErrors" | "clientErrorHandler"> {
  return {
    frameworkErrors: (error, _request, reply) => send(reply, explain(error)),
    clientErrorHandler(error, socket) {
      log.debug({ err: error }, "broken HTTP");
      if (!socket.writable) return;
      const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
      const body = JSON.stringify(problemOf(status, "ERR_USAGE", "this is not HTTP as it should be"));
      const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: ${PROBLEM_TYPE}`;
      socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    },
  };
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type(PROBLEM_TYPE).send(problem);
}

export function addProblems(app: FastifyInstance, log: Logger): void {
  app.setNotFoundHandler((request, reply) => {
    return send(reply, problemOf(404, "ERR_NOT_FOUND", `there is no ${request.method} ${request.url}`));
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = explain(error);
    if (problem.status >= 500) log.error({ err: error, method: request.method, url: request.url }, "request failed");
    return send(reply, problem);
  });
}

/** What an error is outside. */
export function explain(error: FastifyError | VxlaneError | SyscallError): Problem {
  if (error instanceof ConfigError) {
    return { ...problemOf(error.httpStatus, error.code, error.message), problems: error.problems };
  }
  if (error instanceof VxlaneError) return problemOf(error.httpStatus, error.code, error.message);
  if (error instanceof SyscallError) return problemOf(httpStatusOf("ERR_SYSCALL"), "ERR_SYSCALL", error.message);
  const status = "statusCode" in error ? (error.statusCode ?? 500) : 500;
  if (status === 415) return problemOf(status, "ERR_USAGE", `${error.message}; a body wants ${BODY_TYPE_REMEDY}`);
  if (status < 500) return problemOf(status, "ERR_USAGE", error.message);
  return problemOf(status, "ERR_FAILURE", "vxlane has failed to answer this; its log says more");
}
