import type { Client, ClientResponse } from './http-client.ts';

export interface ReadRecord {
  readonly offset: number;
  readonly key: unknown;
  readonly value: unknown;
}

export interface ProduceOptions {
  readonly topic: string;
  readonly partition: number;
  /** JSON values. */
  readonly values: readonly unknown[];
  /** Of each of them. */
  readonly key?: unknown;
  readonly idempotencyKey?: string;
}

export type Produced =
  /** Offsets in the order of the values. */
  | { readonly kind: 'acknowledged'; readonly offsets: readonly number[]; readonly cost: string }
  | {
      readonly kind: 'failed';
      readonly status: number;
      readonly errorCode: number;
      readonly kafkaError: string;
      readonly message: string;
    };

export interface ReadPage {
  readonly records: readonly ReadRecord[];
  readonly nextOffset: number;
  readonly highWatermark: number;
}

/** The API as a program would use it. Throws where the tests never expect an error. */
export interface LogClient {
  readonly createTopic: (
    name: string,
    partitionCount: number,
    configs?: Record<string, string>,
  ) => Promise<void>;
  readonly produce: (options: ProduceOptions) => Promise<Produced>;
  readonly read: (
    at: { readonly topic: string; readonly partition: number; readonly offset: number },
    options?: { readonly timeoutMs?: number; readonly maxBytes?: number },
  ) => Promise<ReadPage>;
  /** The whole partition, in the order it is read. */
  readonly readAll: (topic: string, partition: number) => Promise<readonly ReadRecord[]>;
  readonly offsets: (
    topic: string,
    partition: number,
  ) => Promise<{ readonly beginning: number; readonly end: number }>;
  readonly endOffset: (topic: string, partition: number) => Promise<number>;
}

const JSON_V2 = 'application/vnd.kafka.json.v2+json';
const V2 = 'application/vnd.kafka.v2+json';

export function logClient(client: Client): LogClient {
  const read: LogClient['read'] = async ({ topic, partition, offset }, options = {}) => {
    const { timeoutMs = 0, maxBytes = 1_000_000 } = options;
    const query = `offset=${offset}&timeout=${timeoutMs}&max_bytes=${maxBytes}`;
    const response = await client({
      method: 'GET',
      path: `/topics/${topic}/partitions/${partition}/records?${query}`,
      headers: { accept: JSON_V2 },
    });
    const records = expectStatus(response, 200) as readonly ReadRecord[];
    return {
      records,
      nextOffset: Number(response.headers['x-next-offset']),
      highWatermark: Number(response.headers['x-high-watermark']),
    };
  };

  const offsets: LogClient['offsets'] = async (topic, partition) => {
    const path = `/topics/${topic}/partitions/${partition}/offsets`;
    const body = expectStatus(await client({ method: 'GET', path, headers: { accept: V2 } }), 200);
    const { beginning_offset, end_offset } = body as { beginning_offset: number; end_offset: number };
    return { beginning: beginning_offset, end: end_offset };
  };
  const endOffset: LogClient['endOffset'] = async (topic, partition) => (await offsets(topic, partition)).end;

  return {
    read,
    offsets,
    endOffset,
    createTopic: async (name, partitionCount, configs = {}) => {
      const clusters = expectStatus(await client({ method: 'GET', path: '/v3/clusters' }), 200);
      const clusterId = (clusters as { data: { cluster_id: string }[] }).data[0]?.cluster_id;
      const response = await client({
        method: 'POST',
        path: `/v3/clusters/${clusterId}/topics`,
        body: {
          topic_name: name,
          partitions_count: partitionCount,
          configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
        },
      });
      expectStatus(response, 201);
    },
    produce: async ({ topic, partition, values, key, idempotencyKey }) => {
      const response = await client({
        method: 'POST',
        path: `/topics/${topic}/partitions/${partition}`,
        headers: {
          'content-type': JSON_V2,
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: { records: values.map((value) => (key === undefined ? { value } : { key, value })) },
      });
      return produced(response);
    },
    readAll: async (topic, partition) => {
      const { beginning, end } = await offsets(topic, partition);
      const records: ReadRecord[] = [];
      for (let offset = beginning; offset < end; ) {
        const page = await read({ topic, partition, offset });
        if (page.nextOffset <= offset)
          throw new Error(`reading ${topic}-${partition} stands still at ${offset}`);
        records.push(...page.records);
        offset = page.nextOffset;
      }
      return records;
    },
  };
}

function produced(response: ClientResponse): Produced {
  const body = response.json() as Record<string, unknown>;
  if (response.status !== 200) {
    const { error_code: errorCode, kafka_error: kafkaError, message } = body;
    return {
      kind: 'failed',
      status: response.status,
      errorCode: Number(errorCode),
      kafkaError: String(kafkaError),
      message: String(message),
    };
  }
  const offsets = (body.offsets as { offset: number }[]).map(({ offset }) => offset);
  return { kind: 'acknowledged', offsets, cost: String(response.headers['x-millrace-cost']) };
}

function expectStatus(response: ClientResponse, status: number): unknown {
  if (response.status === status) return response.json();
  throw new Error(
    `expected ${status}, got ${response.status}: ${response.body.toString('utf8').slice(0, 1_000)}`,
  );
}
