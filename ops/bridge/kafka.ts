import {
  Admin,
  type BaseOptions,
  ConfigResourceTypes,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
} from '@platformatic/kafka';
import { type CommittedRecords, committedRecords } from './committed-records.ts';

export type KafkaOptions = BaseOptions;

type FetchArguments = Parameters<typeof fetchV17.api.async>;
type FetchTopics = FetchArguments[7];
type FetchAnswer = Awaited<ReturnType<typeof fetchV17.api.async>>;

export interface KafkaTopic {
  readonly topicId: string;
  readonly partitionCount: number;
  /** Only what was set on the topic. */
  readonly configs: Readonly<Record<string, string>>;
}

export interface KafkaPosition {
  readonly partition: number;
  readonly offset: number;
}

export interface KafkaRecords extends CommittedRecords {
  readonly partition: number;
  /** Where the records end that are committed by now. */
  readonly stableEnd: number;
}

/** A cluster, as far as both directions need it. Faults of the client are thrown as they are. */
export interface Kafka {
  readonly admin: Admin;
  /** Undefined: there is no such topic. */
  describeTopic(name: string): Promise<KafkaTopic | undefined>;
  createTopic(name: string, topic: Omit<KafkaTopic, 'topicId'>): Promise<void>;
  /** The offset of every partition, by its number. `latest` is where the committed records end. */
  ends(name: string, partitionCount: number, at: 'earliest' | 'latest'): Promise<readonly number[]>;
  /** Committed records from these positions on; waits for the first of them for a moment. */
  fetch(name: string, positions: readonly KafkaPosition[]): Promise<readonly KafkaRecords[]>;
  close(): Promise<void>;
}

const FETCH_API = 1;
/** With topic ids (KIP-516). */
const FETCHES = [fetchV17, fetchV16, fetchV15, fetchV14, fetchV13];
const FETCH_WAIT_MS = 500;
const FETCH_BYTES = 16 * 2 ** 20;
const PARTITION_BYTES = 2 ** 20;
const READ_COMMITTED = 1;
const TIMESTAMPS = { earliest: -2n, latest: -1n } as const;
const SET_ON_TOPIC = 1;
const DEFAULT_REPLICAS = -1;

export async function openKafka(options: KafkaOptions): Promise<Kafka> {
  const admin = new Admin({ ...options });
  try {
    const apis = await admin.listApis();
    const versionMax = apis.find(({ apiKey }) => apiKey === FETCH_API)?.maxVersion ?? 0;
    const fetchApi = FETCHES.find(({ api }) => api.version <= versionMax)?.api;
    if (fetchApi === undefined) throw new Error('the brokers are older than Apache Kafka 3.1');
    return kafkaOn(admin, fetchApi);
  } catch (error) {
    await admin.close();
    throw error;
  }
}

function kafkaOn(admin: Admin, fetchApi: typeof fetchV17.api): Kafka {
  const topicOf = async (name: string): ReturnType<typeof metadataOf> => metadataOf(admin, name);

  const fetchFrom = async (node: number, topics: FetchTopics): Promise<FetchAnswer> => {
    const connection = (await admin.connectToBrokers([node])).get(node);
    if (connection === undefined) throw new Error(`broker ${node} cannot be reached`);
    return fetchApi.async(connection, FETCH_WAIT_MS, 1, FETCH_BYTES, READ_COMMITTED, 0, 0, topics, [], '');
  };

  return {
    admin,
    describeTopic: async (name) => {
      if (!(await admin.listTopics()).includes(name)) return undefined;
      const { id, partitions } = await topicOf(name);
      const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name }];
      const described = await admin.describeConfigs({ resources });
      const set = described
        .flatMap(({ configs }) => configs)
        .filter(({ configSource, value }) => configSource === SET_ON_TOPIC && value !== null);
      return {
        topicId: id,
        partitionCount: partitions.length,
        configs: Object.fromEntries(set.map(({ name: config, value }) => [config, value ?? ''])),
      };
    },
    createTopic: async (name, { partitionCount, configs }) => {
      await admin.createTopics({
        topics: [name],
        partitions: partitionCount,
        replicas: DEFAULT_REPLICAS,
        configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
      });
    },
    ends: async (name, partitionCount, at) => {
      const timestamp = TIMESTAMPS[at];
      const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => ({
        partitionIndex,
        timestamp,
      }));
      const listed = await admin.listOffsets({
        topics: [{ name, partitions }],
        isolationLevel: READ_COMMITTED,
      });
      const offsets = Array<number>(partitionCount).fill(0);
      for (const { partitionIndex, offset } of listed[0]?.partitions ?? []) {
        offsets[partitionIndex] = Number(offset);
      }
      return offsets;
    },
    fetch: async (name, positions) => {
      const { id, partitions } = await topicOf(name);
      const byLeader = Map.groupBy(positions, ({ partition }) => partitions[partition]?.leader ?? -1);
      const answers = await Promise.all(
        [...byLeader].map(([leader, asked]) =>
          fetchFrom(leader, [{ topicId: id, partitions: asked.map(requested) }]),
        ),
      );
      const from = new Map(positions.map(({ partition, offset }) => [partition, offset]));
      return answers
        .flatMap(({ responses }) => responses)
        .flatMap((topic) => topic.partitions)
        .map((answer) => ({
          partition: answer.partitionIndex,
          stableEnd: Number(answer.lastStableOffset),
          ...committedRecords(answer, from.get(answer.partitionIndex) ?? 0),
        }));
    },
    close: async () => admin.close(),
  };
}

async function metadataOf(
  admin: Admin,
  name: string,
): Promise<{ id: string; partitions: readonly { leader: number }[] }> {
  const topic = (await admin.metadata({ topics: [name] })).topics.get(name);
  if (topic === undefined) throw new Error(`there is no topic '${name}' in Kafka`);
  return topic;
}

const requested = ({ partition, offset }: KafkaPosition): FetchTopics[number]['partitions'][number] => ({
  partition,
  currentLeaderEpoch: -1,
  fetchOffset: BigInt(offset),
  lastFetchedEpoch: -1,
  partitionMaxBytes: PARTITION_BYTES,
});
