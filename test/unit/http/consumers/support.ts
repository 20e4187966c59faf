import { expect } from 'vitest';
import { type Answered, type Api, JSON_V2, newTopic, openApi, produce } from '../support.ts';

export const JSON_TYPE = { 'content-type': 'application/vnd.kafka.v2+json' };

export interface Instance {
  readonly path: string;
  get(below: string, accept?: string): Promise<Answered>;
  post(below: string, body?: unknown): Promise<Answered>;
  delete(below?: string): Promise<Answered>;
  subscribe(...topics: readonly string[]): Promise<void>;
  assign(...places: readonly [string, number][]): Promise<void>;
  /** Values of a read that does not wait, as `topic:partition:offset=value`. */
  read(query?: string): Promise<readonly string[]>;
  /** `topic:partition`. */
  assignments(): Promise<readonly string[]>;
  /** By partition of topic `t`, unless another is named. */
  committed(topic?: string): Promise<Readonly<Record<number, number>>>;
}

export async function newInstance(
  api: Api,
  options: {
    readonly group?: string;
    readonly config?: object;
    readonly format?: string;
  } = {},
): Promise<Instance> {
  const { group = 'g', config = {}, format = 'json' } = options;
  const body = { format, 'auto.offset.reset': 'earliest', ...config };
  const created = await api.ask('POST', `/consumers/${encodeURIComponent(group)}`, {
    headers: JSON_TYPE,
    body,
  });
  expect(created.status, created.text).toBe(200);
  return instanceAt(api, created.json.base_uri.replace('http://millrace.test', ''));
}

/** The same instance on another process. */
export function instanceAt(api: Api, path: string): Instance {
  const post = (below: string, body?: unknown): Promise<Answered> =>
    api.ask('POST', `${path}/${below}`, body === undefined ? {} : { headers: JSON_TYPE, body });
  const done = (answer: Answered): void => expect(answer.status, answer.text).toBe(204);
  return {
    path,
    get: (below, accept = JSON_V2) => api.ask('GET', `${path}/${below}`, { headers: { accept } }),
    post,
    delete: (below) => api.ask('DELETE', below === undefined ? path : `${path}/${below}`),
    subscribe: async (...topics) => done(await post('subscription', { topics })),
    assign: async (...places) => {
      const partitions = places.map(([topic, partition]) => ({ topic, partition }));
      done(await post('assignments', { partitions }));
    },
    read: async (query = '') => {
      const { status, json, text } = await api.ask('GET', `${path}/records?timeout=0${query}`);
      expect(status, text).toBe(200);
      return json.map(
        (record: { topic: string; partition: number; offset: number; value: unknown }) =>
          `${record.topic}:${record.partition}:${record.offset}=${record.value}`,
      );
    },
    assignments: async () => {
      const { json } = await api.ask('GET', `${path}/assignments`);
      return json.partitions.map(
        ({ topic, partition }: { topic: string; partition: number }) => `${topic}:${partition}`,
      );
    },
    committed: async (topic = 't') => {
      const { partitionCount } = await api.log.describeTopic(topic, api.newCall());
      const places = Array.from({ length: partitionCount }, (_, partition) => `${topic}:${partition}`);
      const { json } = await api.ask('GET', `${path}/offsets?partitions=${places.join(',')}`);
      return Object.fromEntries(
        json.offsets.map(({ partition, offset }: { partition: number; offset: number }) => [
          partition,
          offset,
        ]),
      );
    },
  };
}

/** Topic `t` with records `0`, `1`, … in each of its partitions. */
export async function filled(
  options: { readonly partitions?: number; readonly records?: number; readonly api?: Api } = {},
): Promise<Api> {
  const { partitions = 1, records = 3, api = await openApi() } = options;
  await newTopic(api, 't', partitions);
  for (let partition = 0; partition < partitions; partition += 1) await fill(api, partition, records);
  return api;
}

export async function fill(api: Api, partition: number, count: number, topic = 't'): Promise<void> {
  const records = Array.from({ length: count }, (_, value) => ({ value }));
  if (count > 0)
    expect((await produce(api, `/topics/${topic}/partitions/${partition}`, records)).status).toBe(200);
}
