import { MillraceError } from '../../errors.ts';
import type { TopicDescription } from '../../log.ts';
import type { PromotedFrom } from '../../topic/promoted-from.ts';
import type { RemoteOrigin } from '../../topic/remote-origin.ts';
import { HttpError } from '../http-error.ts';
import { checkShape, readJson } from '../json-body.ts';
import { jsonCharset } from '../media-type.ts';
import { emptyResponse, type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { newTopic } from '../new-topic.ts';
import { type Exchange, param, type Route } from '../route.ts';
import type { Schema } from '../schemas/common.ts';
import { NewTopicBody, Topic, TopicList, TopicPatch } from '../schemas/v3.ts';
import { type V3Names, v3List, v3Names } from '../v3-links.ts';

const TOPICS = '/clusters/{cluster}/topics';
const TOPIC = `${TOPICS}/{topic}`;
/** The REST Proxy's code for a body of the v3 API that is empty or does not fit. */
const PAYLOAD = 42206;

function remoteBody({ source, topic, topicId, policy, via = [] }: RemoteOrigin): object {
  return { source_region: source, topic_name: topic, topic_id: topicId, policy, via_regions: via };
}

function promotedBody({ source, topicId, endOffsets }: PromotedFrom): object {
  return { source_region: source, topic_id: topicId, end_offsets: endOffsets };
}

function topicBody(names: V3Names, topic: TopicDescription): object {
  const path = ['topics', topic.name];
  return {
    kind: 'KafkaTopic',
    metadata: names.metadata(path, { topic: topic.name }),
    cluster_id: names.clusterId,
    topic_name: topic.name,
    is_internal: false,
    replication_factor: 1,
    partitions_count: topic.partitionCount,
    partitions: names.related(...path, 'partitions'),
    configs: names.related(...path, 'configs'),
    partition_reassignments: names.related(...path, 'partitions', '-', 'reassignment'),
    topic_id: topic.topicId,
    ...(topic.remote === undefined ? {} : { remote: remoteBody(topic.remote) }),
    ...(topic.promoted === undefined ? {} : { promoted: promotedBody(topic.promoted) }),
  };
}

/** The JSON body of a v3 request. 415, 400, or 422 with code 42206. */
export function v3Body<T>({ request }: Exchange, schema: Schema<T>): T {
  const charset = jsonCharset(request.headers['content-type'], request.body);
  if (request.body.length === 0) {
    throw new HttpError({ status: 422, restCode: PAYLOAD }, 'Payload error. Request body is empty.');
  }
  return checkShape(schema, readJson(request.body, charset), PAYLOAD);
}

async function createTopic(exchange: Exchange): Promise<HttpResponse> {
  const body = v3Body(exchange, NewTopicBody);
  if (body.replicas_assignments && body.replicas_assignments.length > 0) {
    throw new MillraceError('INVALID_REQUEST', 'Replicas cannot be assigned: there are no brokers.');
  }
  const wish = newTopic({
    name: body.topic_name,
    partitionCount: body.partitions_count,
    replicationFactor: body.replication_factor,
    configs: body.configs,
    validateOnly: body.validate_only,
  });
  const names = v3Names(exchange);
  const topic = await exchange.services.log.createTopic(wish, exchange.call);
  if (body.validate_only === true) return jsonResponse(200, MEDIA.json, topicBody(names, topic));
  const Location = names.url('topics', topic.name);
  return jsonResponse(201, MEDIA.json, topicBody(names, topic), { Location });
}

async function listTopics(exchange: Exchange): Promise<HttpResponse> {
  const names = v3Names(exchange);
  const topics = await exchange.services.log.listTopics(exchange.call);
  const data = topics.map((topic) => topicBody(names, topic));
  return jsonResponse(200, MEDIA.json, v3List('KafkaTopicList', names.url('topics'), data));
}

async function getTopic(exchange: Exchange): Promise<HttpResponse> {
  const topic = await exchange.services.log.describeTopic(param(exchange, 'topic'), exchange.call);
  return jsonResponse(200, MEDIA.json, topicBody(v3Names(exchange), topic));
}

async function patchTopic(exchange: Exchange): Promise<HttpResponse> {
  const body = v3Body(exchange, TopicPatch);
  const { log } = exchange.services;
  const topic = await log.createPartitions(param(exchange, 'topic'), body.partitions_count, exchange.call);
  return jsonResponse(200, MEDIA.json, topicBody(v3Names(exchange), topic));
}

async function deleteTopic(exchange: Exchange): Promise<HttpResponse> {
  await exchange.services.log.deleteTopic(param(exchange, 'topic'), exchange.call);
  return emptyResponse(204);
}

const topicAnswer = (description: string) => ({ description, content: { [MEDIA.json]: Topic } });
const admin = { group: 'admin', api: 'v3' } as const;

export const v3TopicRoutes: readonly Route[] = [
  {
    ...admin,
    method: 'GET',
    path: TOPICS,
    doc: {
      operationId: 'listTopics',
      summary: 'All topics, sorted by name.',
      responses: { 200: { description: 'The topics.', content: { [MEDIA.json]: TopicList } } },
    },
    handle: listTopics,
  },
  {
    ...admin,
    method: 'POST',
    path: TOPICS,
    doc: {
      operationId: 'createTopic',
      summary: 'Creates a topic, or only checks whether it could be created.',
      body: { [MEDIA.json]: NewTopicBody },
      responses: { 200: topicAnswer('It could be created.'), 201: topicAnswer('Created.') },
    },
    handle: createTopic,
  },
  {
    ...admin,
    method: 'GET',
    path: TOPIC,
    doc: { operationId: 'getTopic', summary: 'A topic.', responses: { 200: topicAnswer('The topic.') } },
    handle: getTopic,
  },
  {
    ...admin,
    method: 'PATCH',
    path: TOPIC,
    doc: {
      operationId: 'updateTopic',
      summary: 'Adds partitions.',
      body: { [MEDIA.json]: TopicPatch },
      responses: { 200: topicAnswer('The topic with its new partitions.') },
    },
    handle: patchTopic,
  },
  {
    ...admin,
    method: 'DELETE',
    path: TOPIC,
    doc: {
      operationId: 'deleteTopic',
      summary: 'Deletes a topic. A topic that is created under the same name later is another one.',
      responses: { 204: { description: 'Deleted.' } },
    },
    handle: deleteTopic,
  },
];
