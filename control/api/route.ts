// What a route is: its path, its schemas, and what answers it. Requests are checked here, by the same schemas that the
// OpenAPI document shows, before any of them is answered: the path and the query first (400), then the body (422).
//
// Mistakes are told in the words of the config's checks: which key, which value, what is allowed, what was meant.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FORMATS } from "../config/formats.js";
import { Problems } from "../config/problems.js";
import { checkAgainst } from "../config/shape.js";
import { ConfigError, formatProblem, VxlaneError } from "../errors.js";
import { PARAMS } from "./schemas.js";

/** Values of a path's parameters, in their one spelling. */
interface Params {
  readonly vni: number;
  readonly name: string;
  readonly address: string;
  readonly mac: string;
}

/** The names in a path's braces. */
type NamesOf<P extends string> = P extends `${string}{${infer N}}${infer R}` ? N | NamesOf<R> : never;
export type ParamsOf<P extends string> = Pick<Params, NamesOf<P> & keyof Params>;

export type Query = Readonly<Record<string, string | number>>;

export interface Call<P extends string = string> {
  readonly params: ParamsOf<P>;
  /** As the route's schema has it; whole numbers are numbers. */
  readonly query: Query;
  /** Checked against the route's schema, unless the route streams it. `{}` if there was none. */
  readonly body: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface RouteAnswer {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: object;
  readonly hasTag?: boolean;
}

export interface RouteShape {
  readonly summary: string;
  readonly description?: string;
  /** Schemas of the parameters that a query may have. */
  readonly query?: Readonly<Record<string, object>>;
  readonly body?: object;
  /** Leaves out what only GET tells, before the body is checked. */
  readonly writable?: (body: unknown, params: Readonly<Record<string, string | number>>) => unknown;
  /** It heeds If-None-Match and If-Match. */
  readonly isConditional?: boolean;
  /** Bytes; default: the server's. */
  readonly bodyMax?: number;
  /** The body may come as NDJSON too: one item of the list a line. */
  readonly takesLines?: boolean;
  /** The answer is a list, in pages or as NDJSON if asked. */
  readonly isList?: boolean;
  /** By status, but for the problems. */
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** Statuses of problems, besides those that every route may have. */
  readonly problems?: readonly number[];
}

export interface Route extends RouteShape {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** As OpenAPI writes it: `/v1/networks/{vni}`. */
  readonly path: string;
  readonly handle: (call: Call<never>) => unknown;
}

/** @param handle returns the answer's body, or undefined after it has sent one itself */
export function route<const P extends string>(
  method: Route["method"],
  path: P,
  shape: RouteShape,
  handle: (call: Call<P>) => unknown,
): Route {
  return { method, path, ...shape, handle };
}

export function addRoutes(app: FastifyInstance, routes: readonly Route[]): void {
  for (const { method, path, body, bodyMax, takesLines, writable, query = {}, handle } of routes) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const querySchema = { type: "object", properties: query, additionalProperties: false };
    app.route({
      method,
      url: path.replace(/\{(\w+)\}/g, ":$1"),
      ...(bodyMax === undefined ? {} : { bodyLimit: bodyMax }),
      handler: async (request, reply) => {
        const params = readParams(names, request.params as Record<string, string>);
        const sent = writable === undefined ? request.body : writable(request.body, params);
        const call = {
          params,
          query: readQuery(querySchema, request.query as Record<string, unknown>),
          body: takesLines ? sent : readBody(body, sent),
          request,
          reply,
        };
        const answer = await handle(call as unknown as Call<never>);
        return answer === undefined ? reply : answer;
      },
    });
  }
}

/** @throws ERR_USAGE */
function readParams(
  names: readonly string[],
  texts: Readonly<Record<string, string>>,
): Record<string, string | number> {
  return Object.fromEntries(names.map((name) => [name, readParam(name, texts[name] ?? "")]));
}

function readParam(name: string, text: string): string | number {
  if (name === "vni") return readVni(text);
  const { format } = PARAMS[name as Exclude<keyof Params, "vni">];
  const read = FORMATS[format].read(text);
  if ("value" in read) return read.value;
  const { allowed } = FORMATS[format];
  const value = JSON.stringify(text).slice(1, -1);
  throw new VxlaneError("ERR_USAGE", formatProblem({ code: "ERR_USAGE", path: name, value, allowed, ...read }));
}

function readVni(text: string): number {
  const vni = Number(text);
  if (/^\d{1,8}$/.test(text) && vni <= PARAMS.vni.maximum) return vni;
  throw new VxlaneError("ERR_USAGE", `${text} is not a VNI: a whole number from 0 to ${PARAMS.vni.maximum}`);
}

/** @throws ERR_USAGE, for what is unknown too */
function readQuery(schema: { properties: object }, sent: Readonly<Record<string, unknown>>): Query {
  if (Object.keys(sent).length === 0) return {};
  const query = Object.fromEntries(
    Object.entries(sent).map(([key, value]) => {
      const wanted = Object.hasOwn(schema.properties, key) ? Reflect.get(schema.properties, key) : undefined;
      const isNumber = wanted?.type === "integer" && typeof value === "string" && /^\d{1,9}$/.test(value);
      return [key, isNumber ? Number(value) : value];
    }),
  );
  const problems = new Problems();
  if (!checkAgainst(schema, query, problems)) {
    throw new VxlaneError("ERR_USAGE", problems.errors.map(formatProblem).join("\n"));
  }
  return query as Query;
}

/** @throws ConfigError with every problem */
function readBody(schema: object | undefined, sent: unknown): unknown {
  if (sent !== undefined && schema === undefined) throw new VxlaneError("ERR_USAGE", "this request takes no body");
  if (schema === undefined) return {};
  const body = sent === undefined ? {} : sent;
  const problems = new Problems();
  if (!checkAgainst(schema, body, problems)) throw new ConfigError(problems.errors);
  return body;
}
