import type { GroupDescription, GroupListing, MemberDescription } from '../../groups.ts';
import { BROKER_ID } from '../broker.ts';
import { notFound } from '../http-error.ts';
import { emptyResponse, type HttpResponse } from '../message.ts';
import { partitionParam } from '../number-param.ts';
import { type Exchange, param, type Route } from '../route.ts';
import {
  Consumer,
  ConsumerAssignment,
  ConsumerAssignmentList,
  ConsumerGroup,
  ConsumerGroupList,
  ConsumerList,
} from '../schemas/groups.ts';
import { GROUP, GROUPS, type GroupPath, groupPath, groupRoute } from '../v3-group-route.ts';
import { v3List, v3Names } from '../v3-links.ts';

const CONSUMERS = `${GROUP}/consumers`;
const CONSUMER = `${CONSUMERS}/{consumer}`;
const ASSIGNMENTS = `${CONSUMER}/assignments`;

function groupBody({ names, path, crn }: GroupPath, group: GroupListing): object {
  return {
    kind: 'KafkaConsumerGroup',
    metadata: names.metadata(path, crn),
    cluster_id: names.clusterId,
    consumer_group_id: group.groupId,
    is_simple: group.isSimple,
    partition_assignor: group.assignor,
    state: group.state,
    type: 'CONSUMER',
    is_mixed_consumer_group: false,
    coordinator: names.related('brokers', String(BROKER_ID)),
    consumers: names.related(...path, 'consumers'),
    lag_summary: names.related(...path, 'lag-summary'),
  };
}

function consumerBody({ names, groupId, path, crn }: GroupPath, member: MemberDescription): object {
  const own = [...path, 'consumers', member.memberId];
  return {
    kind: 'KafkaConsumer',
    metadata: names.metadata(own, { ...crn, consumer: encodeURIComponent(member.memberId) }),
    cluster_id: names.clusterId,
    consumer_group_id: groupId,
    consumer_id: member.memberId,
    instance_id: member.instanceId ?? null,
    client_id: member.clientId,
    assignments: names.related(...own, 'assignments'),
  };
}

/** One for every partition that the member owns. */
function assignmentBodies({ names, groupId, path, crn }: GroupPath, member: MemberDescription): object[] {
  const { memberId, assignment } = member;
  return assignment.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => {
      const place = [topic, 'partitions', String(partition)];
      return {
        kind: 'KafkaConsumerAssignment',
        metadata: names.metadata([...path, 'consumers', memberId, 'assignments', ...place], {
          ...crn,
          consumer: encodeURIComponent(memberId),
          assignment: topic,
          partition,
        }),
        cluster_id: names.clusterId,
        consumer_group_id: groupId,
        consumer_id: memberId,
        topic_name: topic,
        partition_id: partition,
        partition: names.related('topics', ...place),
        lag: names.related(...path, 'lags', ...place),
      };
    }),
  );
}

function describe(exchange: Exchange): Promise<GroupDescription> {
  return exchange.services.groups.describe(param(exchange, 'group'), exchange.call);
}

async function consumerOf(exchange: Exchange): Promise<MemberDescription> {
  const consumer = param(exchange, 'consumer');
  const found = (await describe(exchange)).members.find(({ memberId }) => memberId === consumer);
  if (found === undefined) throw notFound(404, `Consumer ${consumer} cannot be found.`, 'UNKNOWN_MEMBER_ID');
  return found;
}

async function listGroups(exchange: Exchange): Promise<object> {
  const groups = await exchange.services.groups.list(exchange.call);
  const names = v3Names(exchange);
  const data = groups.map((group) => groupBody(groupPath(names, group.groupId), group));
  return v3List('KafkaConsumerGroupList', names.url('consumer-groups'), data);
}

async function getGroup(exchange: Exchange): Promise<object> {
  const group = await describe(exchange);
  return groupBody(groupPath(v3Names(exchange), group.groupId), group);
}

async function deleteGroup(exchange: Exchange): Promise<HttpResponse> {
  await exchange.services.groups.delete(param(exchange, 'group'), exchange.call);
  return emptyResponse(204);
}

async function listConsumers(exchange: Exchange): Promise<object> {
  const { groupId, members } = await describe(exchange);
  const path = groupPath(v3Names(exchange), groupId);
  const data = members.map((member) => consumerBody(path, member));
  return v3List('KafkaConsumerList', path.names.url(...path.path, 'consumers'), data);
}

async function getConsumer(exchange: Exchange): Promise<object> {
  const member = await consumerOf(exchange);
  return consumerBody(groupPath(v3Names(exchange), param(exchange, 'group')), member);
}

async function listAssignments(exchange: Exchange): Promise<object> {
  const member = await consumerOf(exchange);
  const path = groupPath(v3Names(exchange), param(exchange, 'group'));
  const self = path.names.url(...path.path, 'consumers', member.memberId, 'assignments');
  return v3List('KafkaConsumerAssignmentList', self, assignmentBodies(path, member));
}

async function getAssignment(exchange: Exchange): Promise<object> {
  const partition = partitionParam(param(exchange, 'partition'));
  const topic = param(exchange, 'topic');
  const member = await consumerOf(exchange);
  const own = member.assignment.filter((one) => one.topic === topic && one.partitions.includes(partition));
  const assignment = own.map((one) => ({ ...one, partitions: [partition] }));
  const path = groupPath(v3Names(exchange), param(exchange, 'group'));
  const [found] = assignmentBodies(path, { ...member, assignment });
  if (found !== undefined) return found;
  const message = `Partition ${partition} of topic ${topic} is not assigned to consumer ${member.memberId}.`;
  throw notFound(404, message, 'INVALID_REQUEST');
}

export const v3GroupRoutes: readonly Route[] = [
  groupRoute(
    {
      path: GROUPS,
      operationId: 'listConsumerGroups',
      summary: 'All consumer groups, sorted by their ids.',
      answer: ConsumerGroupList,
    },
    listGroups,
  ),
  groupRoute(
    { path: GROUP, operationId: 'getConsumerGroup', summary: 'A consumer group.', answer: ConsumerGroup },
    getGroup,
  ),
  {
    method: 'DELETE',
    path: GROUP,
    group: 'groups',
    api: 'v3',
    doc: {
      operationId: 'deleteConsumerGroup',
      summary: 'Deletes a consumer group without members, and what it has committed.',
      responses: { 204: { description: 'Deleted.' } },
    },
    handle: deleteGroup,
  },
  groupRoute(
    {
      path: CONSUMERS,
      operationId: 'listConsumers',
      summary: 'The members of a consumer group.',
      answer: ConsumerList,
    },
    listConsumers,
  ),
  groupRoute(
    { path: CONSUMER, operationId: 'getConsumer', summary: 'A member.', answer: Consumer },
    getConsumer,
  ),
  groupRoute(
    {
      path: ASSIGNMENTS,
      operationId: 'listConsumerAssignments',
      summary: 'The partitions that a member owns.',
      answer: ConsumerAssignmentList,
    },
    listAssignments,
  ),
  groupRoute(
    {
      path: `${ASSIGNMENTS}/{topic}/partitions/{partition}`,
      operationId: 'getConsumerAssignment',
      summary: 'A partition that a member owns.',
      answer: ConsumerAssignment,
    },
    getAssignment,
  ),
];
