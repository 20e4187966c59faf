import { MillraceError } from '../../errors.ts';
import type { CommitResult, OffsetToCommit } from '../../groups.ts';
import { commitOffsets, uncommitted } from '../consumers/commit.ts';
import { asConflict, keepMembership, stillMember } from '../consumers/membership.ts';
import { optionalBody, placesQuery } from '../consumers/request.ts';
import { withInstance } from '../consumers/session.ts';
import { unprocessable } from '../http-error.ts';
import { checkAcceptsJson } from '../media-type.ts';
import { emptyResponse, type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import type { Exchange, Route } from '../route.ts';
import {
  type CommitBody,
  CommitDone,
  CommitRequest,
  CommittedAnswer,
  type OffsetBody,
  PlacesRequest,
} from '../schemas/consumers.ts';

interface Wish {
  /** Undefined: everything that was read. */
  readonly offsets: readonly OffsetBody[] | undefined;
  /** Whether they are of the last records processed, so that the next ones are to be committed. */
  readonly countsProcessed: boolean;
  readonly answer: HttpResponse;
}

const DONE_200 = jsonResponse(200, MEDIA.v2, []);
const DONE_204 = emptyResponse(204);

/** Clients of this API disagree about what a committed offset is. The name of the list tells, else the dialect. */
function wishOf(body: CommitBody | undefined, isStrimzi: boolean): Wish {
  const { offsets, partitions } = body ?? {};
  if (offsets && partitions) throw unprocessable('offsets and partitions mean the same: send one of them');
  if (partitions) return { offsets: partitions, countsProcessed: false, answer: DONE_204 };
  return {
    offsets: offsets ?? undefined,
    countsProcessed: !isStrimzi,
    answer: isStrimzi ? DONE_204 : DONE_200,
  };
}

const toCommit = ({ topic, partition, offset, metadata }: OffsetBody, more: number): OffsetToCommit => ({
  topic,
  partition,
  offset: offset + more,
  ...(metadata === null || metadata === undefined ? {} : { metadata }),
});

async function postOffsets(exchange: Exchange): Promise<HttpResponse> {
  const body = optionalBody(exchange, CommitRequest);
  return withInstance(exchange, async (parts, instance) => {
    const dialect = exchange.services.dialect ?? instance.settings.dialect;
    const { offsets, countsProcessed, answer } = wishOf(body, dialect === 'strimzi');
    const member = await stillMember(parts, instance);
    const wanted = offsets?.map((offset) => toCommit(offset, countsProcessed ? 1 : 0)) ?? uncommitted(member);
    try {
      const { instance: now, failed } = await commitOffsets(parts, member, wanted);
      const error = firstError(failed);
      return error === undefined ? { instance: now, answer } : { instance: now, error };
    } catch (error) {
      throw asConflict(error);
    }
  });
}

/** The first one's, which says how many there are. */
function firstError(failed: readonly CommitResult[]): MillraceError | undefined {
  const [first] = failed;
  if (first?.error === undefined) return undefined;
  const { topic, partition, error } = first;
  const others = failed.length === 1 ? '' : `, and ${failed.length - 1} more`;
  const message = `Partition ${partition} of topic '${topic}' was not committed: ${error.message}${others}`;
  return new MillraceError(error.code, message, { cause: error });
}

/** What is committed in the partitions asked for, or in all that the instance reads. */
async function getOffsets(exchange: Exchange): Promise<HttpResponse> {
  const { request } = exchange;
  checkAcceptsJson(request.headers.accept);
  const named = placesQuery(new URLSearchParams(request.query));
  const places = named ?? optionalBody(exchange, PlacesRequest)?.partitions;
  return withInstance(exchange, async (parts, instance) => {
    const now = await keepMembership(parts, instance, { mayGiveUp: false });
    const wanted = places ?? now.held.map(({ topic, partition }) => ({ topic, partition }));
    const committed =
      wanted.length === 0 ? [] : await parts.groups.committed(now.groupId, wanted, parts.call);
    const offsets = committed.map(({ topic, partition, offset, metadata }) => ({
      topic,
      partition,
      offset,
      metadata,
    }));
    return { instance: now, answer: jsonResponse(200, MEDIA.v2, { offsets }) };
  });
}

const OFFSETS = '/consumers/{group}/instances/{instance}/offsets';
const shared = { group: 'groups', api: 'v2', metered: true } as const;
const answers = {
  200: {
    description: 'Committed offsets: the next ones to read. Partitions without one are left out.',
    content: { [MEDIA.v2]: CommittedAnswer },
  },
};

export const v2ConsumerOffsetRoutes: readonly Route[] = [
  {
    ...shared,
    method: 'POST',
    path: OFFSETS,
    doc: {
      operationId: 'commitOffsets',
      summary: 'Commits the offsets sent, or without a body everything that was read.',
      body: { [MEDIA.v2]: CommitRequest, [MEDIA.json]: CommitRequest },
      bodyIsOptional: true,
      responses: {
        200: { description: 'Committed.', content: { [MEDIA.v2]: CommitDone } },
        204: { description: 'Committed, for clients that count as Strimzi and Redpanda do.' },
      },
    },
    handle: postOffsets,
  },
  {
    ...shared,
    method: 'GET',
    path: OFFSETS,
    doc: {
      operationId: 'getCommittedOffsets',
      summary: 'The committed offsets of partitions, named in the query or in the body.',
      query: {
        partitions: { type: 'string', description: 'Such as orders:0,orders:1. Default: those it reads.' },
      },
      body: { [MEDIA.v2]: PlacesRequest, [MEDIA.json]: PlacesRequest },
      bodyIsOptional: true,
      responses: answers,
    },
    handle: getOffsets,
  },
  {
    ...shared,
    method: 'POST',
    path: `${OFFSETS}:query`,
    doc: {
      operationId: 'queryCommittedOffsets',
      summary: 'The same for clients and gateways that send no body with GET.',
      body: { [MEDIA.v2]: PlacesRequest, [MEDIA.json]: PlacesRequest },
      bodyIsOptional: true,
      responses: answers,
    },
    handle: getOffsets,
  },
];
