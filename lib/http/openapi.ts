import * as z from 'zod/mini';
import { MEDIA } from './message.ts';
import { mountedRoutes } from './mount.ts';
import type { Content, Route, RouteDoc } from './route.ts';
import { ALL_ROUTES } from './routes.ts';
import { ErrorAnswer, type Schema, UnexpectedTailAnswer } from './schemas/common.ts';
import * as consumers from './schemas/consumers.ts';
import * as groups from './schemas/groups.ts';
import * as maintenance from './schemas/maintenance.ts';
import * as producers from './schemas/producers.ts';
import * as regions from './schemas/regions.ts';
import * as translation from './schemas/translation.ts';
import * as v2 from './schemas/v2.ts';
import * as v3 from './schemas/v3.ts';

type Json = { readonly [name: string]: unknown };

/** The name of every schema that is exported: those of v3 begin with V3 where v2 might have the same. */
function namedSchemas(): Map<Schema, string> {
  const names = new Map<Schema, string>([
    [ErrorAnswer, 'Error'],
    [UnexpectedTailAnswer, 'UnexpectedTail'],
  ]);
  for (const [name, value] of Object.entries({ ...v2, ...consumers, ...producers }))
    names.set(value as Schema, name);
  for (const [name, value] of Object.entries({
    ...v3,
    ...groups,
    ...maintenance,
    ...regions,
    ...translation,
  }))
    names.set(value as Schema, `V3${name}`);
  return names;
}

/** JSON Schema 2020-12 for each, with references among them. */
function componentSchemas(names: ReadonlyMap<Schema, string>): Json {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema(), { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => {
      const { $schema, $id, id: _, ...rest } = schema as Json;
      return [id, rest];
    }),
  );
}

function contentOf(content: Content, names: ReadonlyMap<Schema, string>): Json {
  return Object.fromEntries(
    Object.entries(content).map(([media, schema]) => {
      if (schema === 'bytes') return [media, { schema: { type: 'string', format: 'binary' } }];
      if (schema === 'text') return [media, { schema: { type: 'string' } }];
      return [media, { schema: { $ref: `#/components/schemas/${names.get(schema)}` } }];
    }),
  );
}

const COST = { description: 'What the request used, in AWS units and dollars.', schema: { type: 'string' } };

function responsesOf(route: Route, names: ReadonlyMap<Schema, string>): Json {
  const headers = route.metered === true ? { headers: { 'X-Millrace-Cost': COST } } : {};
  const responses = Object.entries(route.doc.responses).map(([status, { description, content }]) => [
    status,
    { description, ...headers, ...(content ? { content: contentOf(content, names) } : {}) },
  ]);
  const media = route.api === 'v3' ? MEDIA.json : MEDIA.v2;
  const error = {
    description: 'What went wrong, by the number of the REST Proxy and the name in the protocol of Kafka.',
    content: contentOf({ [media]: ErrorAnswer }, names),
  };
  return { ...Object.fromEntries(responses), default: error };
}

function parametersOf(path: string, doc: RouteDoc): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(doc.query ?? {}).map(([name, { description, type, required }]) => ({
    name,
    in: 'query',
    description,
    required: required === true,
    schema: { type },
  }));
  const inHeader = Object.entries(doc.headers ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

function operation(route: Route, path: string, prefix: string, names: ReadonlyMap<Schema, string>): Json {
  const { doc } = route;
  return {
    operationId: prefix === '/kafka/v3' ? `${doc.operationId}Kafka` : doc.operationId,
    summary: doc.summary,
    tags: [route.api],
    parameters: parametersOf(path, doc),
    ...(doc.body
      ? { requestBody: { required: doc.bodyIsOptional !== true, content: contentOf(doc.body, names) } }
      : {}),
    responses: responsesOf(route, names),
  };
}

/** The OpenAPI 3.1 document of the whole API, made of the schemas that check the requests. */
export function openApiDocument(): Json {
  const names = namedSchemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, route, prefix } of mountedRoutes(ALL_ROUTES)) {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(route, path, prefix, names) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: '1',
      description:
        'An event log with the semantics of Kafka. The shapes are those of the Confluent REST Proxy, v2 and v3.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: componentSchemas(names) },
  };
}
