import type { PartitionLag } from '../../groups.ts';
import { type HttpError, notFound } from '../http-error.ts';
import { partitionParam } from '../number-param.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { ConsumerGroupLagSummary, ConsumerLag, ConsumerLagList } from '../schemas/groups.ts';
import { GROUP, type GroupPath, groupPath, groupRoute } from '../v3-group-route.ts';
import { v3List, v3Names } from '../v3-links.ts';

const LAGS = `${GROUP}/lags`;

function lagBody({ names, groupId, path, crn }: GroupPath, lag: PartitionLag): object {
  const { topic, partition } = lag;
  const own = [...path, 'lags', topic, 'partitions', String(partition)];
  return {
    kind: 'KafkaConsumerLag',
    metadata: names.metadata(own, { ...crn, lag: topic, partition }),
    cluster_id: names.clusterId,
    consumer_group_id: groupId,
    topic_name: topic,
    partition_id: partition,
    current_offset: lag.currentOffset,
    log_end_offset: lag.logEndOffset,
    lag: lag.lag,
    consumer_id: lag.memberId,
    instance_id: lag.instanceId,
    client_id: lag.clientId,
  };
}

function nothingCommitted(groupId: string): HttpError {
  return notFound(404, `Consumer group ${groupId} has committed nothing.`, 'INVALID_REQUEST');
}

/** At least one: 404 without. */
async function lagsOf(exchange: Exchange): Promise<{
  readonly path: GroupPath;
  readonly lags: readonly PartitionLag[];
  readonly first: PartitionLag;
}> {
  const groupId = param(exchange, 'group');
  const lags = await exchange.services.groups.lags(groupId, exchange.call);
  const [first] = lags;
  if (first === undefined) throw nothingCommitted(groupId);
  return { path: groupPath(v3Names(exchange), groupId), lags, first };
}

async function listLags(exchange: Exchange): Promise<object> {
  const { path, lags } = await lagsOf(exchange);
  const data = lags.map((lag) => lagBody(path, lag));
  return v3List('KafkaConsumerLagList', path.names.url(...path.path, 'lags'), data);
}

async function getLag(exchange: Exchange): Promise<object> {
  const topic = param(exchange, 'topic');
  const partition = partitionParam(param(exchange, 'partition'));
  const { path, lags } = await lagsOf(exchange);
  const lag = lags.find((one) => one.topic === topic && one.partition === partition);
  if (lag !== undefined) return lagBody(path, lag);
  const message = `Consumer group ${path.groupId} has committed nothing for partition ${partition} of topic ${topic}.`;
  throw notFound(404, message, 'INVALID_REQUEST');
}

async function getLagSummary(exchange: Exchange): Promise<object> {
  const { path, lags, first } = await lagsOf(exchange);
  const { names, groupId, crn } = path;
  const most = lags.reduce((max, lag) => (lag.lag > max.lag ? lag : max), first);
  return {
    kind: 'KafkaConsumerGroupLagSummary',
    metadata: names.metadata([...path.path, 'lag-summary'], crn),
    cluster_id: names.clusterId,
    consumer_group_id: groupId,
    max_lag: most.lag,
    total_lag: lags.reduce((sum, { lag }) => sum + lag, 0),
    max_lag_consumer_id: most.memberId,
    max_lag_instance_id: most.instanceId,
    max_lag_client_id: most.clientId,
    max_lag_topic_name: most.topic,
    max_lag_partition_id: most.partition,
    // Without an owner this leads to all consumers.
    max_lag_consumer: names.related(...path.path, 'consumers', most.memberId),
    max_lag_partition: names.related('topics', most.topic, 'partitions', String(most.partition)),
  };
}

export const v3GroupLagRoutes: readonly Route[] = [
  groupRoute(
    {
      path: LAGS,
      operationId: 'listConsumerLags',
      summary: 'How far a consumer group is behind in each partition where it has committed something.',
      answer: ConsumerLagList,
    },
    listLags,
  ),
  groupRoute(
    {
      path: `${LAGS}/{topic}/partitions/{partition}`,
      operationId: 'getConsumerLag',
      summary: 'How far a consumer group is behind in a partition.',
      answer: ConsumerLag,
    },
    getLag,
  ),
  groupRoute(
    {
      path: `${GROUP}/lag-summary`,
      operationId: 'getConsumerGroupLagSummary',
      summary: 'The largest lag of a consumer group, and all of them together.',
      answer: ConsumerGroupLagSummary,
    },
    getLagSummary,
  ),
];
