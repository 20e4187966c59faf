import type { Log, TopicDescription } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import { BROKER_ID } from '../broker.ts';
import { checkAcceptsJson } from '../media-type.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { missingPartition, partitionParam } from '../number-param.ts';
import { type Exchange, param, type Route, type RouteDoc } from '../route.ts';
import type { Schema } from '../schemas/common.ts';
import {
  BrokerIds,
  EmptyAnswer,
  OffsetsAnswer,
  PartitionAnswer,
  PartitionAnswers,
  TopicAnswer,
  TopicNames,
} from '../schemas/v2.ts';

const partitionAnswer = (partition: number): object => ({
  partition,
  leader: BROKER_ID,
  replicas: [{ broker: BROKER_ID, leader: true, in_sync: true }],
});

const partitionAnswers = (topic: TopicDescription): object[] =>
  Array.from({ length: topic.partitionCount }, (_, partition) => partitionAnswer(partition));

function describe(exchange: Exchange): Promise<TopicDescription> {
  return exchange.services.log.describeTopic(param(exchange, 'topic'), exchange.call);
}

/** The partition of the path, once the topic is known to have it. */
async function existingPartition(exchange: Exchange): Promise<number> {
  const partition = partitionParam(param(exchange, 'partition'));
  const topic = await describe(exchange);
  if (partition >= topic.partitionCount) throw missingPartition(partition);
  return partition;
}

async function topicBody(exchange: Exchange): Promise<object> {
  const topic = await describe(exchange);
  const entries = await exchange.services.log.describeConfigs(topic.name, exchange.call);
  return {
    name: topic.name,
    configs: Object.fromEntries(entries.map(({ name, value }) => [name, value])),
    partitions: partitionAnswers(topic),
  };
}

/** Log start and end of a partition. */
export async function partitionEnds(
  log: Log,
  place: { readonly topic: string; readonly partition: number },
  call: Call,
): Promise<{ readonly earliest: number; readonly latest: number }> {
  const [earliest, latest] = await Promise.all([
    log.listOffsets({ ...place, at: 'earliest' }, call),
    log.listOffsets({ ...place, at: 'latest' }, call),
  ]);
  return { earliest: earliest.offset, latest: latest.offset };
}

async function offsetsBody(exchange: Exchange): Promise<object> {
  const partition = await existingPartition(exchange);
  const { log } = exchange.services;
  const ends = await partitionEnds(log, { topic: param(exchange, 'topic'), partition }, exchange.call);
  return { beginning_offset: ends.earliest, end_offset: ends.latest };
}

interface Metadata {
  readonly path: string;
  readonly group?: Route['group'];
  readonly operationId: string;
  readonly summary: string;
  readonly answer: Schema;
  readonly missingTopic?: number;
  readonly body: (exchange: Exchange) => object | Promise<object>;
}

/** A GET of the v2 API that answers JSON, once the client is known to take it. */
function metadataRoute(metadata: Metadata): Route {
  const responses: RouteDoc['responses'] = {
    200: { description: metadata.summary, content: { [MEDIA.v2]: metadata.answer } },
  };
  return {
    method: 'GET',
    path: metadata.path,
    group: metadata.group ?? 'admin',
    api: 'v2',
    restCodes: { UNKNOWN_TOPIC_OR_PARTITION: metadata.missingTopic ?? 40401 },
    doc: { operationId: metadata.operationId, summary: metadata.summary, responses },
    handle: async (exchange): Promise<HttpResponse> => {
      checkAcceptsJson(exchange.request.headers.accept);
      return jsonResponse(200, MEDIA.v2, await metadata.body(exchange));
    },
  };
}

export const v2TopicRoutes: readonly Route[] = [
  metadataRoute({
    path: '/',
    operationId: 'getRoot',
    summary: 'Nothing: shows that the API is there.',
    answer: EmptyAnswer,
    body: () => ({}),
  }),
  metadataRoute({
    path: '/brokers',
    operationId: 'listBrokerIds',
    summary: 'The one broker id that stands for the whole deployment.',
    answer: BrokerIds,
    body: () => ({ brokers: [BROKER_ID] }),
  }),
  metadataRoute({
    path: '/topics',
    operationId: 'listTopicNames',
    summary: 'The names of all topics, sorted.',
    answer: TopicNames,
    body: async ({ services, call }) => (await services.log.listTopics(call)).map(({ name }) => name),
  }),
  metadataRoute({
    path: '/topics/{topic}',
    operationId: 'describeTopic',
    summary: 'Configs and partitions of a topic.',
    answer: TopicAnswer,
    missingTopic: 40403,
    body: topicBody,
  }),
  metadataRoute({
    path: '/topics/{topic}/partitions',
    operationId: 'listTopicPartitions',
    summary: 'The partitions of a topic.',
    answer: PartitionAnswers,
    body: async (exchange) => partitionAnswers(await describe(exchange)),
  }),
  metadataRoute({
    path: '/topics/{topic}/partitions/{partition}',
    operationId: 'describeTopicPartition',
    summary: 'One partition.',
    answer: PartitionAnswer,
    body: async (exchange) => partitionAnswer(await existingPartition(exchange)),
  }),
  metadataRoute({
    path: '/topics/{topic}/partitions/{partition}/offsets',
    group: 'fetch',
    operationId: 'getPartitionOffsets',
    summary: 'The first offset that can be read, and the one the next record will get.',
    answer: OffsetsAnswer,
    body: offsetsBody,
  }),
];
