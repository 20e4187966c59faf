import { HERE } from '../../group/offsets/vector.ts';
import type { CommittedOffset, OffsetReset } from '../../groups.ts';
import { unprocessable } from '../http-error.ts';
import { emptyResponse, type HttpResponse } from '../message.ts';
import { partitionParam } from '../number-param.ts';
import { vectorBody, vectorOf } from '../region-vector.ts';
import { parseTime } from '../rfc3339.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { ConsumerGroupOffsetList, OffsetsReset, type OffsetsResetRequest } from '../schemas/groups.ts';
import { GROUP, type GroupPath, groupPath, groupRoute } from '../v3-group-route.ts';
import { v3List, v3Names } from '../v3-links.ts';
import { v3Body } from './v3-topics.ts';

type ResetEntry = OffsetsResetRequest['data'][number];

const OFFSETS = `${GROUP}/offsets`;

function offsetBody({ names, groupId, path, crn }: GroupPath, committed: CommittedOffset): object {
  const { topic, partition, offset, leaderEpoch, metadata, committedMs, vector } = committed;
  const own = [...path, 'offsets', topic, 'partitions', String(partition)];
  return {
    kind: 'KafkaConsumerGroupOffset',
    metadata: names.metadata(own, { ...crn, offset: topic, partition }),
    cluster_id: names.clusterId,
    consumer_group_id: groupId,
    topic_name: topic,
    partition_id: partition,
    offset,
    leader_epoch: leaderEpoch === -1 ? null : leaderEpoch,
    commit_metadata: metadata,
    committed_ms: committedMs,
    ...(vector === undefined ? {} : { vector: vectorBody(vector, HERE) }),
  };
}

function offsetList(exchange: Exchange, offsets: readonly CommittedOffset[]): object {
  const path = groupPath(v3Names(exchange), param(exchange, 'group'));
  const data = offsets.map((offset) => offsetBody(path, offset));
  return v3List('KafkaConsumerGroupOffsetList', path.names.url(...path.path, 'offsets'), data);
}

/** Kafka's OffsetFetch, which the REST Proxy does not have here. Empty for a group that does not exist, as there. */
async function listOffsets(exchange: Exchange): Promise<object> {
  const { groups } = exchange.services;
  return offsetList(exchange, await groups.committed(param(exchange, 'group'), undefined, exchange.call));
}

/** What Kafka's own tool does with --reset-offsets; the REST Proxy has nothing like it. */
async function resetOffsets(exchange: Exchange): Promise<object> {
  const { data } = v3Body(exchange, OffsetsReset);
  const { positions } = exchange.services;
  const resets: OffsetReset[] = [];
  for (const entry of data) resets.push(...(await resetsOf(exchange, entry)));
  const moved = await positions.resetOffsets(param(exchange, 'group'), resets, exchange.call);
  return offsetList(exchange, moved);
}

async function resetsOf({ services, call }: Exchange, entry: ResetEntry): Promise<OffsetReset[]> {
  const { topic_name: topic, partition_id: partition } = entry;
  const to = targetOf(entry, services.translation?.region);
  if (typeof partition === 'number') return [{ topic, partition, to }];
  // ⚑ What has been read of one partition says nothing of the others, whose records would be passed over.
  if (typeof to === 'object' && 'vector' in to) throw unprocessable('A vector is of one partition_id');
  const { partitionCount } = await services.log.describeTopic(topic, call);
  return Array.from({ length: partitionCount }, (_, index) => ({ topic, partition: index, to }));
}

/** `region`: alias of this one; undefined: it knows of no others. */
function targetOf(
  { to, offset, timestamp, vector }: ResetEntry,
  region: string | undefined,
): OffsetReset['to'] {
  const given = [to, offset, timestamp].filter((target) => target !== undefined && target !== null);
  if (given.length !== 1) {
    throw unprocessable('Each entry needs one of to, offset and timestamp, and no two of them');
  }
  const read = vector === undefined || vector === null ? undefined : vectorOf(vector, region ?? HERE);
  if (typeof offset === 'number') return { offset, ...(read === undefined ? {} : { vector: read }) };
  if (read !== undefined) throw unprocessable('A vector tells what has been read behind an offset');
  if (typeof timestamp === 'string') return { timestampMs: timestampOf(timestamp) };
  return to === 'EARLIEST' ? 'earliest' : 'latest';
}

function timestampOf(text: string): number {
  const timestampMs = parseTime(text);
  if (timestampMs === undefined) throw unprocessable(`'${text}' is not an RFC 3339 timestamp`);
  return timestampMs;
}

async function deleteOffset(exchange: Exchange): Promise<HttpResponse> {
  const partition = partitionParam(param(exchange, 'partition'));
  const place = { topic: param(exchange, 'topic'), partition };
  await exchange.services.groups.deleteOffsets(param(exchange, 'group'), [place], exchange.call);
  return emptyResponse(204);
}

export const v3GroupOffsetRoutes: readonly Route[] = [
  groupRoute(
    {
      path: OFFSETS,
      operationId: 'listConsumerGroupOffsets',
      summary: 'What a consumer group has committed.',
      answer: ConsumerGroupOffsetList,
    },
    listOffsets,
  ),
  {
    ...groupRoute(
      {
        path: `${OFFSETS}:reset`,
        method: 'POST',
        operationId: 'resetConsumerGroupOffsets',
        summary:
          'Moves the positions of a consumer group without members. All are checked before the first is stored.',
        body: OffsetsReset,
        answer: ConsumerGroupOffsetList,
      },
      resetOffsets,
    ),
    group: 'positions',
  },
  {
    method: 'DELETE',
    path: `${OFFSETS}/{topic}/partitions/{partition}`,
    group: 'groups',
    api: 'v3',
    doc: {
      operationId: 'deleteConsumerGroupOffset',
      summary:
        'Forgets what a consumer group has committed for a partition of a topic that no member subscribes to.',
      responses: { 204: { description: 'Forgotten.' } },
    },
    handle: deleteOffset,
  },
];
