import type { TopicDescription } from '../../log.ts';
import { BROKER_ID } from '../broker.ts';
import { HttpError, notFound } from '../http-error.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { missingPartition, partitionParam } from '../number-param.ts';
import { type Exchange, param, type Route, type RouteDoc } from '../route.ts';
import type { Schema } from '../schemas/common.ts';
import {
  PartitionList,
  PartitionOrigins,
  PartitionWithOffsets,
  PartitionWithState,
  Replica,
  ReplicaList,
} from '../schemas/v3.ts';
import { type V3Names, v3List, v3Names } from '../v3-links.ts';
import { partitionEnds } from './v2-topics.ts';

const PARTITIONS = '/clusters/{cluster}/topics/{topic}/partitions';
const PARTITION = `${PARTITIONS}/{partition}`;

interface Place {
  readonly names: V3Names;
  readonly topic: string;
  readonly partition: number;
  /** Of the partition's URL, below the cluster. */
  readonly path: readonly string[];
}

const placeOf = (names: V3Names, topic: string, partition: number): Place => ({
  names,
  topic,
  partition,
  path: ['topics', topic, 'partitions', String(partition)],
});

function partitionMembers({ names, topic, partition, path }: Place): object {
  return {
    cluster_id: names.clusterId,
    topic_name: topic,
    partition_id: partition,
    leader: names.related(...path, 'replicas', String(BROKER_ID)),
    replicas: names.related(...path, 'replicas'),
    reassignment: names.related(...path, 'reassignment'),
  };
}

function partitionBody(place: Place): object {
  const { names, topic, partition, path } = place;
  return {
    kind: 'KafkaPartition',
    metadata: names.metadata(path, { topic, partition }),
    ...partitionMembers(place),
  };
}

function replicaBody({ names, topic, partition, path }: Place): object {
  return {
    kind: 'KafkaReplica',
    metadata: names.metadata([...path, 'replicas', String(BROKER_ID)], {
      topic,
      partition,
      replica: BROKER_ID,
    }),
    cluster_id: names.clusterId,
    topic_name: topic,
    partition_id: partition,
    broker_id: BROKER_ID,
    is_leader: true,
    is_in_sync: true,
    broker: names.related('brokers', String(BROKER_ID)),
  };
}

const describe = (exchange: Exchange): Promise<TopicDescription> =>
  exchange.services.log.describeTopic(param(exchange, 'topic'), exchange.call);

async function existingPlace(exchange: Exchange): Promise<Place> {
  const partition = partitionParam(param(exchange, 'partition'));
  const topic = await describe(exchange);
  if (partition >= topic.partitionCount) throw missingPartition(partition);
  return placeOf(v3Names(exchange), topic.name, partition);
}

/** What only a look at the partition itself tells is not in the list of all. */
async function withState(exchange: Exchange): Promise<object> {
  const place = await existingPlace(exchange);
  const { topic, partition } = place;
  const { log } = exchange.services;
  const { incident, leaderEpochs } = await log.describePartition({ topic, partition }, exchange.call);
  return {
    ...partitionBody(place),
    incident:
      incident === undefined
        ? null
        : {
            kind: incident.kind,
            offset: incident.offset,
            next_offset: incident.nextOffset,
            found_ms: incident.foundMs,
          },
    leader_epochs: leaderEpochs.map(({ leaderEpoch, startOffset }) => ({
      leader_epoch: leaderEpoch,
      start_offset: startOffset,
    })),
  };
}

async function listPartitions(exchange: Exchange): Promise<object> {
  const { name, partitionCount } = await describe(exchange);
  const names = v3Names(exchange);
  const data = Array.from({ length: partitionCount }, (_, index) =>
    partitionBody(placeOf(names, name, index)),
  );
  return v3List('KafkaPartitionList', names.url('topics', name, 'partitions'), data);
}

async function withOffsets(exchange: Exchange): Promise<object> {
  const type = new URLSearchParams(exchange.request.query).get('offset_type') ?? 'earliest_and_latest';
  if (type !== 'earliest_and_latest') {
    throw new HttpError({ status: 400 }, `offset_type ${type} is not earliest_and_latest`);
  }
  const place = await existingPlace(exchange);
  const { names, topic, partition, path } = place;
  const ends = await partitionEnds(exchange.services.log, { topic, partition }, exchange.call);
  return {
    kind: 'KafkaPartitionWithOffsets',
    metadata: names.metadata([...path, 'offset'], { topic, partition }),
    ...partitionMembers(place),
    earliest_offset: ends.earliest,
    latest_offset: ends.latest,
  };
}

async function withOrigins(exchange: Exchange): Promise<object> {
  const place = await existingPlace(exchange);
  const { names, topic, partition, path } = place;
  const origins = await exchange.services.log.describeOrigins({ topic, partition }, exchange.call);
  return {
    kind: 'MillracePartitionOrigins',
    metadata: names.metadata([...path, 'origins'], { topic, partition }),
    cluster_id: names.clusterId,
    topic_name: topic,
    partition_id: partition,
    beginning_offset: origins.logStartOffset,
    end_offset: origins.endOffset,
    own_end_offset: origins.ownEndOffset,
    regions: Array.from(origins.copied, ([region, end]) => ({ region, end_offset: end })),
  };
}

async function listReplicas(exchange: Exchange): Promise<object> {
  const place = await existingPlace(exchange);
  const self = place.names.url(...place.path, 'replicas');
  return v3List('KafkaReplicaList', self, [replicaBody(place)]);
}

async function getReplica(exchange: Exchange): Promise<object> {
  const place = await existingPlace(exchange);
  const broker = param(exchange, 'broker');
  if (broker === String(BROKER_ID)) return replicaBody(place);
  throw notFound(404, `Replica ${broker} cannot be found.`, 'INVALID_REQUEST');
}

function partitionRoute(
  route: {
    readonly path: string;
    readonly operationId: string;
    readonly summary: string;
    readonly answer: Schema;
    readonly group?: Route['group'];
    readonly isMetered?: boolean;
    readonly query?: NonNullable<RouteDoc['query']>;
  },
  body: (exchange: Exchange) => Promise<object>,
): Route {
  return {
    method: 'GET',
    path: route.path,
    group: route.group ?? 'admin',
    api: 'v3',
    ...(route.isMetered === true ? { metered: true } : {}),
    doc: {
      operationId: route.operationId,
      summary: route.summary,
      ...(route.query ? { query: route.query } : {}),
      responses: { 200: { description: route.summary, content: { [MEDIA.json]: route.answer } } },
    },
    handle: async (exchange): Promise<HttpResponse> => jsonResponse(200, MEDIA.json, await body(exchange)),
  };
}

export const v3PartitionRoutes: readonly Route[] = [
  partitionRoute(
    { path: PARTITIONS, operationId: 'listPartitions', summary: 'All partitions.', answer: PartitionList },
    listPartitions,
  ),
  partitionRoute(
    { path: PARTITION, operationId: 'getPartition', summary: 'One partition.', answer: PartitionWithState },
    withState,
  ),
  partitionRoute(
    {
      path: `${PARTITION}/offset`,
      group: 'fetch',
      operationId: 'getPartitionWithOffsets',
      summary: 'One partition with its first and next offset.',
      answer: PartitionWithOffsets,
      query: { offset_type: { type: 'string', description: 'earliest_and_latest, the only one.' } },
    },
    withOffsets,
  ),
  partitionRoute(
    {
      path: `${PARTITION}/origins`,
      group: 'fetch',
      isMetered: true,
      operationId: 'getPartitionOrigins',
      summary: 'How far a partition that is written in several regions has the records of each.',
      answer: PartitionOrigins,
    },
    withOrigins,
  ),
  partitionRoute(
    {
      path: `${PARTITION}/replicas`,
      operationId: 'listReplicas',
      summary: 'The one replica that stands for all copies.',
      answer: ReplicaList,
    },
    listReplicas,
  ),
  partitionRoute(
    {
      path: `${PARTITION}/replicas/{broker}`,
      operationId: 'getReplica',
      summary: 'A replica.',
      answer: Replica,
    },
    getReplica,
  ),
];
