// The OpenAPI 3.1 document, made from the routes: their paths, their schemas (the very objects that check requests) and
// their answers. Nothing in it is written by hand beside the routes, so it cannot say something else than they do.

import { version } from "../cli/version.js";
import { NDJSON } from "./list.js";
import { PROBLEM_TYPE } from "./problem.js";
import { type Route, type RouteAnswer, route } from "./route.js";
import { NAMED, PARAMS, ProblemAnswer } from "./schemas.js";

const JSON_BODY = "application/json";

const PROBLEMS: Readonly<Record<number, string>> = {
  400: "the request is not well-formed: its path, its query, its JSON",
  404: "there is no such thing",
  412: "what If-Match or If-None-Match asks for is not so",
  409: "it does not go together with what is there",
  413: "the body is too large",
  422: "the body is well-formed, and wrong; every mistake is named",
};

export function openApiRoutes(routes: readonly Route[]): Route[] {
  const self = route(
    "GET",
    "/v1/openapi.json",
    {
      summary: "This document",
      answers: { 200: { description: "OpenAPI 3.1", schema: { type: "object" } } },
    },
    () => document,
  );
  const document = makeDocument([...routes, self]);
  return [self];
}

function makeDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const each of routes) {
    paths[each.path] = { ...paths[each.path], [each.method.toLowerCase()]: operation(each) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "vxlane",
      version: version(),
      description: "Served on a unix socket; who may open the socket may do everything. Field names are the config's.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://localhost", description: "the unix socket api.socket of the config" }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(NAMED).map(([name, schema]) => [name, withReferences(schema, true)])),
    },
  };
}

function operation(each: Route): object {
  const { method, path, summary, description, body, answers, isList, isConditional } = each;
  const parameters = [...pathParameters(path), ...queryParameters(each), ...(isConditional ? CONDITIONS : [])];
  const problems = [400, ...(each.problems ?? []), ...(isConditional ? [412] : [])];
  return {
    operationId: `${method.toLowerCase()}${path.replace("/v1", "").replace(/[^a-z]+(\w?)/gi, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(each, body) }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer, isList)])),
      ...Object.fromEntries(problems.map((status) => [status, problem(PROBLEMS[status])])),
      default: problem("what else may go wrong: a table is full (507), the host refuses (403, 504)"),
    },
  };
}

/** RFC 9110 section 13.1. */
const CONDITIONS = [
  { name: "If-None-Match", in: "header", description: "`*`: only if it is not there", schema: { type: "string" } },
  {
    name: "If-Match",
    in: "header",
    description: "an ETag of a GET: only if it is still so; `*`: only if it is there",
    schema: { type: "string" },
  },
];

function pathParameters(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    const { description, ...schema } = PARAMS[name as keyof typeof PARAMS];
    return { name, in: "path", required: true, description, schema };
  });
}

function queryParameters({ query = {} }: Route): object[] {
  return Object.entries(query).map(([name, schema]) => ({
    name,
    in: "query",
    description: "description" in schema ? schema.description : name,
    schema: withReferences(schema),
  }));
}

function requestBody({ takesLines }: Route, body: object): object {
  const content: Record<string, object> = { [JSON_BODY]: { schema: withReferences(body) } };
  if (takesLines && "items" in body) content[NDJSON] = { schema: withReferences(body.items) };
  return { required: "type" in body && body.type === "array", content };
}

function response({ description, schema, hasTag }: RouteAnswer, isList = false): object {
  if (schema === undefined) return { description };
  const content: Record<string, object> = { [JSON_BODY]: { schema: withReferences(schema) } };
  const etag = { description: "of what a PUT may write", schema: { type: "string" } };
  if (!isList) return { description, ...(hasTag ? { headers: { ETag: etag } } : {}), content };
  if ("items" in schema) content[NDJSON] = { schema: withReferences(schema.items) };
  const link = { description: '`<…>; rel="next"`, if there is another page', schema: { type: "string" } };
  return { description, headers: { Link: link }, content };
}

function problem(description: string): object {
  return { description, content: { [PROBLEM_TYPE]: { schema: withReferences(ProblemAnswer) } } };
}

const NAMES = new Map<unknown, string>(Object.entries(NAMED).map(([name, schema]) => [schema, name]));

/** A copy in which schemas that have a name are references. @param isNamed the schema itself is where its name points */
function withReferences(schema: unknown, isNamed = false): unknown {
  const name = NAMES.get(schema);
  if (name !== undefined && !isNamed) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(schema)) return schema.map((item) => withReferences(item));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withReferences(value)]));
}
