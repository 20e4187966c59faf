import type { Client, ClientResponse } from './http-client.ts';

export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
}

export interface GroupMember {
  readonly memberId: string;
  readonly partitions: readonly number[];
}

/** A consumer instance of the v2 API, as a program would use it. Throws where the tests never expect an error. */
export interface ConsumerClient {
  readonly create: () => Promise<void>;
  readonly subscribe: (topics: readonly string[]) => Promise<void>;
  /** Waits for a second at most. */
  readonly read: () => Promise<readonly ConsumedRecord[]>;
  /** Everything that was read. */
  readonly commit: () => Promise<void>;
  /** Says that the record at this offset has been processed. */
  readonly rawCommit: (topic: string, partition: number, offset: number) => Promise<ClientResponse>;
  readonly assignments: () => Promise<readonly { readonly topic: string; readonly partition: number }[]>;
  readonly seekToBeginning: () => Promise<void>;
  readonly committed: (topic: string, partitionCount: number) => Promise<readonly number[]>;
  /** Of the whole group, by the v3 API. */
  readonly members: () => Promise<readonly GroupMember[]>;
  readonly remove: () => Promise<void>;
}

const V2 = 'application/vnd.kafka.v2+json';
const JSON_V2 = 'application/vnd.kafka.json.v2+json';
/** Another request on the same instance was under way, or this one has taken too long. */
const TO_BE_REPEATED = [409, 503];
const TRIES = 5;

export function consumerClient(
  client: Client,
  { group, name }: { readonly group: string; readonly name: string },
): ConsumerClient {
  const instance = `/consumers/${group}/instances/${name}`;
  const ask = async (
    method: string,
    path: string,
    { body, accept = V2 }: { readonly body?: unknown; readonly accept?: string } = {},
  ): Promise<ClientResponse> =>
    client({
      method,
      path,
      headers: { accept, ...(body === undefined ? {} : { 'content-type': V2 }) },
      ...(body === undefined ? {} : { body }),
    });
  const expected = async (send: () => Promise<ClientResponse>): Promise<ClientResponse> => {
    for (let tries = 1; ; tries += 1) {
      const response = await send();
      if (response.status < 300) return response;
      if (!TO_BE_REPEATED.includes(response.status) || tries === TRIES) {
        throw new Error(`${response.status}: ${response.body.toString('utf8').slice(0, 1_000)}`);
      }
    }
  };
  const data = async (path: string): Promise<readonly Record<string, unknown>[]> => {
    const response = await expected(() => ask('GET', path, { accept: 'application/json' }));
    return (response.json() as { readonly data: readonly Record<string, unknown>[] }).data;
  };

  const assignments: ConsumerClient['assignments'] = async () => {
    const response = await expected(() => ask('GET', `${instance}/assignments`));
    return (response.json() as { partitions: { topic: string; partition: number }[] }).partitions;
  };

  return {
    assignments,
    create: async () => {
      const body = {
        name,
        format: 'json',
        'auto.offset.reset': 'earliest',
        'auto.commit.enable': 'false',
      };
      await expected(() => ask('POST', `/consumers/${group}`, { body }));
    },
    subscribe: async (topics) => {
      await expected(() => ask('POST', `${instance}/subscription`, { body: { topics } }));
    },
    read: async () => {
      const path = `${instance}/records?timeout=1000&max_bytes=1000000`;
      const response = await expected(() => ask('GET', path, { accept: JSON_V2 }));
      return response.json() as readonly ConsumedRecord[];
    },
    commit: async () => {
      await expected(() => ask('POST', `${instance}/offsets`));
    },
    rawCommit: (topic, partition, offset) =>
      ask('POST', `${instance}/offsets`, { body: { offsets: [{ topic, partition, offset }] } }),
    seekToBeginning: async () => {
      const body = { partitions: await assignments() };
      await expected(() => ask('POST', `${instance}/positions/beginning`, { body }));
    },
    committed: async (topic, partitionCount) => {
      const wanted = Array.from({ length: partitionCount }, (_, partition) => `${topic}:${partition}`);
      const response = await expected(() => ask('GET', `${instance}/offsets?partitions=${wanted.join()}`));
      const { offsets } = response.json() as { offsets: { partition: number; offset: number }[] };
      return offsets.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset);
    },
    members: async () => {
      const [cluster] = await data('/v3/clusters');
      const path = `/v3/clusters/${cluster?.cluster_id}/consumer-groups/${group}/consumers`;
      return Promise.all(
        (await data(path)).map(async ({ consumer_id }) => {
          const own = await data(`${path}/${String(consumer_id)}/assignments`);
          return {
            memberId: String(consumer_id),
            partitions: own.map(({ partition_id }) => Number(partition_id)),
          };
        }),
      );
    },
    remove: async () => {
      await expected(() => ask('DELETE', instance));
    },
  };
}
