import { HttpError, unprocessable } from '../http-error.ts';
import { checkShape, readJson } from '../json-body.ts';
import { jsonCharset } from '../media-type.ts';
import { emptyResponse, type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { newTopic } from '../new-topic.ts';
import type { Exchange, Route } from '../route.ts';
import { AdminTopic } from '../schemas/v2.ts';

async function createTopic({ request, services, call }: Exchange): Promise<HttpResponse> {
  const charset = jsonCharset(request.headers['content-type'], request.body);
  if (request.body.length === 0) throw unprocessable('The body is empty');
  const body = checkShape(AdminTopic, readJson(request.body, charset));
  const topic = newTopic({
    name: body.topic_name,
    partitionCount: body.partitions_count,
    replicationFactor: body.replication_factor,
  });
  const { name, partitionCount } = await services.log.createTopic(topic, call);
  return jsonResponse(201, MEDIA.v2, { topic_name: name, partitions_count: partitionCount });
}

function ready({ services }: Exchange): HttpResponse {
  const reason = services.notReady();
  if (reason === undefined) return emptyResponse(204);
  throw new HttpError({ status: 503, restCode: 503, kafkaError: 'KAFKA_STORAGE_ERROR' }, reason);
}

/** Creating topics as in the Strimzi Bridge, and what load balancers ask for. */
export const adminRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/admin/topics',
    group: 'admin',
    api: 'v2',
    doc: {
      operationId: 'createTopicV2',
      summary: 'Creates a topic.',
      body: { [MEDIA.json]: AdminTopic, [MEDIA.v2]: AdminTopic },
      responses: { 201: { description: 'Created.', content: { [MEDIA.v2]: AdminTopic } } },
    },
    handle: createTopic,
  },
  {
    method: 'GET',
    path: '/healthy',
    group: 'admin',
    api: 'v2',
    doc: {
      operationId: 'getHealthy',
      summary: 'Whether the process is alive.',
      responses: { 204: { description: 'It is.' } },
    },
    handle: () => emptyResponse(204),
  },
  {
    method: 'GET',
    path: '/ready',
    group: 'admin',
    api: 'v2',
    doc: {
      operationId: 'getReady',
      summary: 'Whether the process takes requests.',
      responses: { 204: { description: 'It does.' } },
    },
    handle: ready,
  },
];
