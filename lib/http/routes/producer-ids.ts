import { checkShape, readJson } from '../json-body.ts';
import { jsonCharset } from '../media-type.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import type { Exchange, Route } from '../route.ts';
import { type ProducerIdBody, ProducerIdentity, ProducerIdRequest } from '../schemas/producers.ts';

/** Kafka's producer epochs are 16-bit numbers. */
const EPOCH_MAX = 32_767;

function readBody({ request }: Exchange): ProducerIdBody {
  const charset = jsonCharset(request.headers['content-type'], request.body);
  return request.body.length === 0 ? {} : checkShape(ProducerIdRequest, readJson(request.body, charset));
}

/** Kafka's InitProducerId: a new identity, or the next epoch of one, which fences whoever still uses the one before. */
async function allocate(exchange: Exchange, media: string): Promise<HttpResponse> {
  const { producer_id: producerId, producer_epoch: producerEpoch } = readBody(exchange);
  const goesOn = producerId !== undefined && producerEpoch !== undefined && producerEpoch < EPOCH_MAX;
  const identity = goesOn
    ? { producer_id: producerId, producer_epoch: producerEpoch + 1 }
    : { producer_id: await exchange.services.log.allocateProducerId(exchange.call), producer_epoch: 0 };
  return jsonResponse(200, media, identity);
}

const SUMMARY = 'Hands out an identity for idempotent producing, or the next epoch of the one that is sent.';
const shared = { method: 'POST', group: 'produce', metered: true } as const;

export const producerIdRoutes: readonly Route[] = [
  {
    ...shared,
    path: '/producer-ids',
    api: 'v2',
    doc: {
      operationId: 'allocateProducerIdV2',
      summary: SUMMARY,
      bodyIsOptional: true,
      body: { [MEDIA.json]: ProducerIdRequest, [MEDIA.v2]: ProducerIdRequest },
      responses: { 200: { description: 'The identity.', content: { [MEDIA.v2]: ProducerIdentity } } },
    },
    handle: (exchange) => allocate(exchange, MEDIA.v2),
  },
  {
    ...shared,
    path: '/clusters/{cluster}/producer-ids',
    api: 'v3',
    doc: {
      operationId: 'allocateProducerId',
      summary: SUMMARY,
      bodyIsOptional: true,
      body: { [MEDIA.json]: ProducerIdRequest },
      responses: { 200: { description: 'The identity.', content: { [MEDIA.json]: ProducerIdentity } } },
    },
    handle: (exchange) => allocate(exchange, MEDIA.json),
  },
];
