import { expect } from 'vitest';
import type { Groups } from '../../../lib/groups.ts';
import { createHttpHandler, type HttpHandlerOptions } from '../../../lib/http/handler.ts';
import { loadOpenApi } from '../../../lib/http/load-openapi.ts';
import type { HttpRequest, HttpResponse } from '../../../lib/http/message.ts';
import { mountedRoutes } from '../../../lib/http/mount.ts';
import { createRouter } from '../../../lib/http/router.ts';
import { ALL_ROUTES } from '../../../lib/http/routes.ts';
import { ErrorAnswer, type Schema } from '../../../lib/http/schemas/common.ts';
import type { Log } from '../../../lib/log.ts';
import { openMaintenance } from '../../../lib/maintenance.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { codecs, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';

export const JSON_V2 = 'application/vnd.kafka.json.v2+json';
export const BINARY_V2 = 'application/vnd.kafka.binary.v2+json';
export const TEXT_V2 = 'application/vnd.kafka.text.v2+json';
export const BATCHES = 'application/vnd.millrace.batches';

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** How long the transport would wait. */
  readonly ms?: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** The parsed body; undefined if it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface Api {
  readonly log: Log;
  readonly groups: Groups;
  readonly faults: { readonly cause: unknown }[];
  newCall(): Call;
  ask(method: string, target: string, asked?: Asked): Promise<Answered>;
  /** Records in all partitions of the topic together. */
  recordCount(topic: string): Promise<number>;
}

/** A method of the engine may be replaced, to see what the API makes of its outcome. */
export function withMethods<T extends object>(engine: T, methods: Partial<T>): T {
  return new Proxy(engine, {
    get: (target, name) => {
      const own = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

/** The handler on the real engine with its storage in memory. Every answer is held against what the routes declare. */
export async function openApi(
  options: Partial<HttpHandlerOptions> & {
    readonly methods?: Partial<Log>;
    readonly groupMethods?: Partial<Groups>;
    /** Of another process that is to be shared. */
    readonly storage?: LogOptions;
  } = {},
): Promise<Api> {
  const storage = options.storage ?? memoryStorage();
  const { clock, random } = storage;
  const log = await openMemoryLog(storage);
  const parts = engineParts(storage);
  const groups = openGroups(parts, log);
  const faults: { cause: unknown }[] = [];
  const handler = createHttpHandler({
    log: withMethods(log, options.methods ?? {}),
    groups: withMethods(groups, options.groupMethods ?? {}),
    catalog: parts.catalog,
    maintenance: openMaintenance(parts),
    openApi: loadOpenApi,
    routes: ALL_ROUTES,
    codecs,
    clock,
    random,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  return {
    log,
    groups,
    faults,
    newCall: () => newCall(clock),
    ask: async (method, target, asked = {}) => {
      const request = requestOf(method, target, asked);
      const call = newCall(clock, { ms: asked.ms ?? 10_000 });
      const response = await handler(request, { call });
      checkDeclared(request, response);
      return answered(response);
    },
    recordCount: async (topic) => {
      const { partitionCount } = await log.describeTopic(topic, newCall(clock));
      let count = 0;
      for (let partition = 0; partition < partitionCount; partition += 1) {
        count += (await log.listOffsets({ topic, partition, at: 'latest' }, newCall(clock))).offset;
      }
      return count;
    },
  };
}

function requestOf(method: string, target: string, asked: Asked): HttpRequest {
  const [path = '', query = ''] = target.split('?', 2);
  return {
    method,
    path,
    query,
    headers: asked.headers ?? {},
    body: bodyOf(asked.body),
    baseUrl: 'http://millrace.test',
    ...(asked.signal === undefined ? {} : { signal: asked.signal }),
  };
}

function bodyOf(body: unknown): Uint8Array {
  if (body === undefined) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function answered({ status, headers, body }: HttpResponse): Answered {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const text = Buffer.from(bytes).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status, headers, text, bytes, json };
}

const route = createRouter(mountedRoutes(ALL_ROUTES));

/** What the OpenAPI document promises holds for every answer that any test gets. */
function checkDeclared(request: HttpRequest, response: HttpResponse): void {
  if (request.method === 'HEAD') return;
  const media = response.headers['Content-Type'];
  const match = response.status === 400 ? ({ kind: 'none' } as const) : route(request.method, request.path);
  const declared = match.kind === 'found' ? match.route.route.doc.responses[response.status] : undefined;
  if (declared === undefined) {
    if (request.path === '/openapi.json' && response.status === 200) return;
    expectShape(ErrorAnswer, response);
    return;
  }
  if (declared.content === undefined) {
    expect(response.body).toBe('');
    return;
  }
  const schema = declared.content[media ?? ''];
  expect(schema, `${media} is declared`).toBeDefined();
  if (schema !== undefined && typeof schema !== 'string' && !isStream(match)) expectShape(schema, response);
}

/** Reports one behind another are no JSON value; their test looks at each. */
const isStream = (match: ReturnType<typeof route>): boolean =>
  match.kind === 'found' && match.route.route.doc.operationId === 'produceRecords';

function expectShape(schema: Schema, { body }: HttpResponse): void {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString();
  expect(schema().safeParse(JSON.parse(text)).error?.issues, text.slice(0, 500)).toBeUndefined();
}

/** Produces to a topic that is made first. */
export async function newTopic(
  api: Api,
  name: string,
  partitions = 1,
  configs: object[] = [],
): Promise<void> {
  const { status } = await api.ask('POST', `/v3/clusters/${api.log.clusterId}/topics`, {
    headers: { 'content-type': 'application/json' },
    body: { topic_name: name, partitions_count: partitions, configs },
  });
  expect(status).toBe(201);
}

export function produce(
  api: Api,
  target: string,
  records: unknown,
  type: string = JSON_V2,
): Promise<Answered> {
  return api.ask('POST', target, { headers: { 'content-type': type }, body: { records } });
}

export function read(api: Api, target: string, accept: string = JSON_V2): Promise<Answered> {
  return api.ask('GET', target, { headers: { accept } });
}
