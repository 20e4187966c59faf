import { answered } from '../../group/faults.ts';
import { checkGroupId } from '../../group/names.ts';
import { LIMITS } from '../../limits.ts';
import { utf8Bytes } from '../../storage/units.ts';
import { autoCommit } from '../consumers/commit.ts';
import type { ConsumerInstance } from '../consumers/instance.ts';
import { keepMembership, leaveGroup } from '../consumers/membership.ts';
import { optionalBody, requiredBody } from '../consumers/request.ts';
import { assign, selectionOf, subscribe, unsubscribe } from '../consumers/select.ts';
import { consumerParts, inUse, loadInstance, withInstance } from '../consumers/session.ts';
import { instanceSettings } from '../consumers/settings.ts';
import { HttpError, unprocessable } from '../http-error.ts';
import { checkAcceptsJson } from '../media-type.ts';
import { emptyResponse, type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { type Exchange, param, type Route } from '../route.ts';
import {
  InstanceCreated,
  NewInstance,
  PlacesAnswer,
  PlacesRequest,
  SubscriptionAnswer,
  SubscriptionRequest,
} from '../schemas/consumers.ts';

function checkName(name: string): void {
  if (name !== '' && name.isWellFormed() && utf8Bytes(name) <= LIMITS.memberIdBytesMax) return;
  throw unprocessable(`name must be 1 to ${LIMITS.memberIdBytesMax} bytes of well-formed text`);
}

async function createInstance(exchange: Exchange): Promise<HttpResponse> {
  const { services, request, call } = exchange;
  checkAcceptsJson(request.headers.accept);
  const groupId = param(exchange, 'group');
  checkGroupId(groupId);
  const body = optionalBody(exchange, NewInstance) ?? {};
  const settings = instanceSettings(body);
  const name = body.name ?? body.id ?? `rest-consumer-${services.random.uuid()}`;
  checkName(name);
  const instance: ConsumerInstance = {
    groupId,
    name,
    settings,
    selection: { kind: 'none' },
    memberId: services.random.uuid(),
    memberEpoch: 0,
    held: [],
    turn: 0,
  };
  if (!(await answered(() => services.instances.create(instance, call)))) {
    throw new HttpError(
      { status: 409, restCode: 40902, kafkaError: 'UNRELEASED_INSTANCE_ID' },
      'Consumer instance with the specified name already exists.',
    );
  }
  const path = ['consumers', groupId, 'instances', name].map(encodeURIComponent).join('/');
  return jsonResponse(200, MEDIA.v2, {
    instance_id: name,
    base_uri: `${request.baseUrl ?? ''}/${path}`,
  });
}

/** Closing commits what was read (with auto commit), as Kafka's consumer does, and leaves the group at once. */
async function deleteInstance(exchange: Exchange): Promise<HttpResponse> {
  const parts = consumerParts(exchange);
  return answered(async () => {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const loaded = await loadInstance(exchange);
      await autoCommit(parts, loaded.instance);
      await leaveGroup(parts, loaded.instance);
      if (await exchange.services.instances.remove(loaded, exchange.call)) return emptyResponse(204);
    }
    throw inUse();
  });
}

async function postSubscription(exchange: Exchange): Promise<HttpResponse> {
  const selection = selectionOf(requiredBody(exchange, SubscriptionRequest));
  return withInstance(exchange, async (parts, instance) => ({
    instance: await subscribe(parts, instance, selection),
    answer: emptyResponse(204),
  }));
}

async function getSubscription(exchange: Exchange): Promise<HttpResponse> {
  checkAcceptsJson(exchange.request.headers.accept);
  return withInstance(exchange, async (parts, instance) => {
    const now = await keepMembership(parts, instance, { mayGiveUp: false });
    const { selection, settings } = now;
    const topics = selection.kind === 'topics' ? selection.topics : [...new Set(topicsRead(now))];
    const partitions = settings.dialect === 'strimzi' ? { partitions: partitionsByTopic(now) } : {};
    return { instance: now, answer: jsonResponse(200, MEDIA.v2, { topics, ...partitions }) };
  });
}

/** A pattern is told by the topics it has led to. */
const topicsRead = ({ selection, held }: ConsumerInstance): readonly string[] =>
  selection.kind === 'pattern' ? held.map(({ topic }) => topic) : [];

function partitionsByTopic({ held }: ConsumerInstance): readonly Record<string, number[]>[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of held) {
    const partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, [partition]);
    else partitions.push(partition);
  }
  return [...topics].map(([topic, partitions]) => ({ [topic]: partitions }));
}

async function deleteSubscription(exchange: Exchange): Promise<HttpResponse> {
  return withInstance(exchange, async (parts, instance) => ({
    instance: await unsubscribe(parts, instance),
    answer: emptyResponse(204),
  }));
}

async function postAssignments(exchange: Exchange): Promise<HttpResponse> {
  const { partitions } = requiredBody(exchange, PlacesRequest);
  return withInstance(exchange, async (parts, instance) => ({
    instance: await assign(parts, instance, partitions),
    answer: emptyResponse(204),
  }));
}

async function getAssignments(exchange: Exchange): Promise<HttpResponse> {
  checkAcceptsJson(exchange.request.headers.accept);
  return withInstance(exchange, async (parts, instance) => {
    const now = await keepMembership(parts, instance, { mayGiveUp: false });
    const partitions = now.held.map(({ topic, partition }) => ({ topic, partition }));
    return { instance: now, answer: jsonResponse(200, MEDIA.v2, { partitions }) };
  });
}

const INSTANCE = '/consumers/{group}/instances/{instance}';
const shared = { group: 'groups', api: 'v2', metered: true } as const;
const body = (schema: Parameters<typeof requiredBody>[1]): Route['doc']['body'] & object => ({
  [MEDIA.v2]: schema,
  [MEDIA.json]: schema,
});

export const v2ConsumerRoutes: readonly Route[] = [
  {
    ...shared,
    method: 'POST',
    path: '/consumers/{group}',
    doc: {
      operationId: 'createConsumerInstance',
      summary: 'Creates a consumer instance in a group.',
      body: body(NewInstance),
      bodyIsOptional: true,
      responses: { 200: { description: 'Created.', content: { [MEDIA.v2]: InstanceCreated } } },
    },
    handle: createInstance,
  },
  {
    ...shared,
    method: 'DELETE',
    path: INSTANCE,
    doc: {
      operationId: 'deleteConsumerInstance',
      summary: 'Commits what was read (with auto commit), leaves the group and removes the instance.',
      responses: { 204: { description: 'Removed.' } },
    },
    handle: deleteInstance,
  },
  {
    ...shared,
    method: 'POST',
    path: `${INSTANCE}/subscription`,
    doc: {
      operationId: 'subscribe',
      summary: 'Subscribes to topics, by name or by pattern, as a member of the group.',
      body: body(SubscriptionRequest),
      responses: { 204: { description: 'Subscribed; what is free is assigned.' } },
    },
    handle: postSubscription,
  },
  {
    ...shared,
    method: 'GET',
    path: `${INSTANCE}/subscription`,
    doc: {
      operationId: 'getSubscription',
      summary: 'The topics that are subscribed to.',
      responses: { 200: { description: 'Topics.', content: { [MEDIA.v2]: SubscriptionAnswer } } },
    },
    handle: getSubscription,
  },
  {
    ...shared,
    method: 'DELETE',
    path: `${INSTANCE}/subscription`,
    doc: {
      operationId: 'unsubscribe',
      summary: 'Leaves the group, or drops the chosen partitions.',
      responses: { 204: { description: 'Done.' } },
    },
    handle: deleteSubscription,
  },
  {
    ...shared,
    method: 'POST',
    path: `${INSTANCE}/assignments`,
    doc: {
      operationId: 'assignPartitions',
      summary: 'Reads these partitions, outside of the group’s own assignment.',
      body: body(PlacesRequest),
      responses: { 204: { description: 'Assigned.' } },
    },
    handle: postAssignments,
  },
  {
    ...shared,
    method: 'GET',
    path: `${INSTANCE}/assignments`,
    doc: {
      operationId: 'getAssignments',
      summary: 'The partitions that the instance reads.',
      responses: { 200: { description: 'Partitions.', content: { [MEDIA.v2]: PlacesAnswer } } },
    },
    handle: getAssignments,
  },
];
