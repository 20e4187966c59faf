import { atOnce } from '../../group/at-once.ts';
import type { ListOffsetsRequest } from '../../log.ts';
import { type ConsumerInstance, type HeldPartition, placeKey } from '../consumers/instance.ts';
import { keepMembership } from '../consumers/membership.ts';
import { type ConsumerParts, REQUESTS_AT_ONCE } from '../consumers/parts.ts';
import { requiredBody } from '../consumers/request.ts';
import { withInstance } from '../consumers/session.ts';
import { HttpError, unprocessable } from '../http-error.ts';
import { emptyResponse, type HttpResponse, MEDIA } from '../message.ts';
import { parseTime } from '../rfc3339.ts';
import type { Exchange, Route } from '../route.ts';
import type { Schema } from '../schemas/common.ts';
import { type PlaceBody, PlacesRequest, type SeekBody, SeekRequest } from '../schemas/consumers.ts';

/** An offset, or what has to be looked up first. */
type Target = PlaceBody & { readonly to: number | ListOffsetsRequest['at'] };

function targetsOf({ offsets, timestamps }: SeekBody): readonly Target[] {
  if (!offsets && !timestamps) throw unprocessable('Either offsets or timestamps are needed');
  return [
    ...(offsets ?? []).map(({ topic, partition, offset }) => ({ topic, partition, to: offset })),
    ...(timestamps ?? []).map(({ topic, partition, timestamp }) => ({
      topic,
      partition,
      to: { timestampMs: timeOf(timestamp) },
    })),
  ];
}

function timeOf(text: string): number {
  const timestampMs = parseTime(text);
  if (timestampMs !== undefined) return Math.max(0, timestampMs);
  throw unprocessable(`'${text}' is not an RFC 3339 time`, 'INVALID_TIMESTAMP');
}

async function seek(exchange: Exchange, targets: readonly Target[]): Promise<HttpResponse> {
  return withInstance(exchange, async (parts, instance) => {
    const now = await keepMembership(parts, instance, { mayGiveUp: false });
    checkHeld(now, targets);
    const offsets = await atOnce(targets, REQUESTS_AT_ONCE, (target) => offsetOf(parts, target));
    const next = new Map(targets.map((target, index) => [placeKey(target), offsets[index]]));
    const held = now.held.map((partition) =>
      next.has(placeKey(partition)) ? movedTo(partition, next.get(placeKey(partition))) : partition,
    );
    return { instance: { ...now, held }, answer: emptyResponse(204) };
  });
}

/** Whatever its group has read behind the position: that is to be read again, and to be committed without it. */
function movedTo(
  { behind, committed, ...partition }: HeldPartition,
  next: number | undefined,
): HeldPartition {
  return { ...partition, next, committed: behind === undefined ? committed : undefined };
}

/** 409 with code 40903 unless the instance reads all of them. */
function checkHeld({ held }: ConsumerInstance, targets: readonly Target[]): void {
  const known = new Set(held.map(placeKey));
  const foreign = targets.find((target) => !known.has(placeKey(target)));
  if (foreign === undefined) return;
  const message = `Partition ${foreign.partition} of topic '${foreign.topic}' is not assigned to this instance`;
  throw new HttpError({ status: 409, restCode: 40903 }, message);
}

/** A time behind every record is the end. */
async function offsetOf({ log, call }: ConsumerParts, { topic, partition, to }: Target): Promise<number> {
  if (typeof to === 'number') return to;
  const { offset } = await log.listOffsets({ topic, partition, at: to }, call);
  if (offset !== -1) return offset;
  return (await log.listOffsets({ topic, partition, at: 'latest' }, call)).offset;
}

const postPositions = (exchange: Exchange): Promise<HttpResponse> =>
  seek(exchange, targetsOf(requiredBody(exchange, SeekRequest)));

const seekTo =
  (to: 'earliest' | 'latest') =>
  (exchange: Exchange): Promise<HttpResponse> => {
    const { partitions } = requiredBody(exchange, PlacesRequest);
    return seek(
      exchange,
      partitions.map(({ topic, partition }) => ({ topic, partition, to })),
    );
  };

const POSITIONS = '/consumers/{group}/instances/{instance}/positions';
const responses = { 204: { description: 'The next read begins there.' } };
const shared = { method: 'POST', group: 'groups', api: 'v2', metered: true } as const;
const body = (schema: Schema): Record<string, Schema> => ({ [MEDIA.v2]: schema, [MEDIA.json]: schema });

export const v2ConsumerPositionRoutes: readonly Route[] = [
  {
    ...shared,
    path: POSITIONS,
    doc: {
      operationId: 'seek',
      summary: 'Moves the positions of assigned partitions to offsets or times.',
      body: body(SeekRequest),
      responses,
    },
    handle: postPositions,
  },
  {
    ...shared,
    path: `${POSITIONS}/beginning`,
    doc: {
      operationId: 'seekToBeginning',
      summary: 'Moves the positions of assigned partitions to their beginning.',
      body: body(PlacesRequest),
      responses,
    },
    handle: seekTo('earliest'),
  },
  {
    ...shared,
    path: `${POSITIONS}/end`,
    doc: {
      operationId: 'seekToEnd',
      summary: 'Moves the positions of assigned partitions to their end.',
      body: body(PlacesRequest),
      responses,
    },
    handle: seekTo('latest'),
  },
];
