import type {
  FlowDescription,
  FlowProgress,
  FlowStart,
  Flows,
  NewFlow,
  PartitionProgress,
} from '../../flows.ts';
import { notFound, unprocessable } from '../http-error.ts';
import { emptyResponse, type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { formatTime, parseTime } from '../rfc3339.ts';
import { type Exchange, param, type Route } from '../route.ts';
import {
  Flow,
  FlowList,
  FlowPatch,
  type FlowStartBody,
  NewFlowBody,
  type NewFlowRequest,
  Promotion,
} from '../schemas/regions.ts';
import { type V3Names, v3List, v3Names } from '../v3-links.ts';
import { v3Body } from './v3-topics.ts';

const FLOWS = '/clusters/{cluster}/flows';
const FLOW = `${FLOWS}/{source}`;

function flowsOf({ services }: Exchange): Flows {
  if (services.flows !== undefined) return services.flows;
  const message = 'There are no flows: this deployment knows of no other regions (docs/regions.md).';
  throw notFound(404, message, 'INVALID_REQUEST');
}

const START_NAMES = { earliest: 'EARLIEST', latest: 'LATEST', promotion: 'PROMOTION' } as const;

const known = (value: number): number | null => (value < 0 ? null : value);

function progressBody(progress: FlowProgress): object {
  return {
    noted_ms: progress.notedMs,
    lag_records: known(progress.lagRecords),
    lag_ms: known(progress.lagMs),
    percent: progress.percent,
    estimated_end_ms: progress.estimatedEndMs ?? null,
    topics: progress.topics.map(({ sourceTopic, topic, state, reason, partitions }) => ({
      source_topic_name: sourceTopic,
      topic_name: topic,
      state,
      reason,
      partitions: partitions.map(({ partition, relays = [], ...place }) => ({
        partition_id: partition,
        ...placeBody(place),
        relays: relays.map((relay) => ({
          region: relay.region,
          state: relay.state,
          reason: relay.reason,
          ...placeBody(relay),
        })),
      })),
    })),
  };
}

function placeBody({
  position,
  sourceEnd,
  gap,
}: Pick<PartitionProgress, 'position' | 'sourceEnd' | 'gap'>): object {
  return {
    position: known(position),
    source_end: known(sourceEnd),
    gap: gap === undefined ? null : { from: gap.from, to: gap.to },
  };
}

function startBody(start: FlowStart): FlowStartBody {
  if (typeof start === 'string') return { to: START_NAMES[start] };
  return 'offset' in start ? { offset: start.offset } : { timestamp: formatTime(start.timestampMs) };
}

function startOf({ to, offset, timestamp }: FlowStartBody): FlowStart {
  const given = [to, offset, timestamp].filter((one) => one !== undefined);
  if (given.length !== 1) throw unprocessable('start must have one of to, offset and timestamp');
  if (to !== undefined) return to.toLowerCase() as Lowercase<typeof to>;
  if (offset !== undefined) return { offset };
  const timestampMs = parseTime(timestamp ?? '');
  if (timestampMs === undefined) throw unprocessable('start.timestamp must be an RFC 3339 time');
  return { timestampMs };
}

function flowBody(names: V3Names, flow: FlowDescription): object {
  const { source } = flow;
  return {
    kind: 'MillraceFlow',
    metadata: names.metadata(['flows', source], { flow: source }),
    cluster_id: names.clusterId,
    source_region: source,
    target_region: flow.target,
    state: flow.state,
    policy: flow.policy,
    separator: flow.separator,
    topics: flow.topics,
    topics_exclude: flow.topicsExclude,
    groups: flow.groups,
    groups_exclude: flow.groupsExclude,
    start: startBody(flow.start),
    relays: flow.relays,
    created_ms: flow.createdMs,
    progress: flow.progress === undefined ? null : progressBody(flow.progress),
  };
}

function newFlow(body: NewFlowRequest): NewFlow {
  const { policy, separator, topics, topics_exclude, groups, groups_exclude, start, relays } = body;
  return {
    source: body.source_region,
    ...(policy ? { policy } : {}),
    // An empty one is no separator, and is refused as such.
    ...(typeof separator === 'string' ? { separator } : {}),
    ...(topics ? { topics } : {}),
    ...(topics_exclude ? { topicsExclude: topics_exclude } : {}),
    ...(groups ? { groups } : {}),
    ...(groups_exclude ? { groupsExclude: groups_exclude } : {}),
    ...(start ? { start: startOf(start) } : {}),
    ...(relays ? { relays } : {}),
  };
}

async function listFlows(exchange: Exchange): Promise<HttpResponse> {
  const flows = await flowsOf(exchange).list(exchange.call);
  const names = v3Names(exchange);
  const data = flows.map((flow) => flowBody(names, flow));
  return jsonResponse(200, MEDIA.json, v3List('MillraceFlowList', names.url('flows'), data));
}

async function createFlow(exchange: Exchange): Promise<HttpResponse> {
  const flows = flowsOf(exchange);
  const flow = await flows.create(newFlow(v3Body(exchange, NewFlowBody)), exchange.call);
  const names = v3Names(exchange);
  return jsonResponse(201, MEDIA.json, flowBody(names, flow), { Location: names.url('flows', flow.source) });
}

async function getFlow(exchange: Exchange): Promise<HttpResponse> {
  const flow = await flowsOf(exchange).describe(param(exchange, 'source'), exchange.call);
  return jsonResponse(200, MEDIA.json, flowBody(v3Names(exchange), flow));
}

async function patchFlow(exchange: Exchange): Promise<HttpResponse> {
  const flows = flowsOf(exchange);
  const { state, relays } = v3Body(exchange, FlowPatch);
  const source = param(exchange, 'source');
  if (state === undefined && relays === undefined) throw unprocessable('state or relays must be given');
  const { call } = exchange;
  if (relays !== undefined) await flows.setRelays(source, relays, call);
  if (state === 'PAUSED') await flows.pause(source, call);
  if (state === 'RUNNING') await flows.resume(source, call);
  const flow = await flows.describe(source, call);
  return jsonResponse(200, MEDIA.json, flowBody(v3Names(exchange), flow));
}

async function deleteFlow(exchange: Exchange): Promise<HttpResponse> {
  await flowsOf(exchange).delete(param(exchange, 'source'), exchange.call);
  return emptyResponse(204);
}

async function promoteFlow(exchange: Exchange): Promise<HttpResponse> {
  const promoted = await flowsOf(exchange).promote(param(exchange, 'source'), exchange.call);
  const { source, isComplete, topics } = promoted;
  const names = v3Names(exchange);
  return jsonResponse(200, MEDIA.json, {
    kind: 'MillracePromotion',
    metadata: names.metadata(['flows', source], { flow: source }),
    cluster_id: names.clusterId,
    source_region: source,
    is_complete: isComplete,
    topics: topics.map(({ topic, sourceTopicId, endOffsets }) => ({
      topic_name: topic,
      topic_id: sourceTopicId,
      end_offsets: endOffsets,
    })),
  });
}

const flowAnswer = (description: string) => ({ description, content: { [MEDIA.json]: Flow } });
const admin = { group: 'admin', api: 'v3' } as const;

export const v3FlowRoutes: readonly Route[] = [
  {
    ...admin,
    method: 'GET',
    path: FLOWS,
    doc: {
      operationId: 'listFlows',
      summary: 'The flows that copy topics of other regions into this one, sorted by source.',
      responses: { 200: { description: 'The flows.', content: { [MEDIA.json]: FlowList } } },
    },
    handle: listFlows,
  },
  {
    ...admin,
    method: 'POST',
    path: FLOWS,
    doc: {
      operationId: 'createFlow',
      summary: 'Creates a flow from another region into this one.',
      body: { [MEDIA.json]: NewFlowBody },
      responses: { 201: flowAnswer('Created.') },
    },
    handle: createFlow,
  },
  {
    ...admin,
    method: 'GET',
    path: FLOW,
    doc: {
      operationId: 'getFlow',
      summary: 'A flow, and how far it has come.',
      responses: { 200: flowAnswer('The flow.') },
    },
    handle: getFlow,
  },
  {
    ...admin,
    method: 'PATCH',
    path: FLOW,
    doc: {
      operationId: 'updateFlow',
      summary: 'Pauses a flow, resumes it, or sets which lost regions it relays.',
      body: { [MEDIA.json]: FlowPatch },
      responses: { 200: flowAnswer('The flow as it is now.') },
    },
    handle: patchFlow,
  },
  {
    ...admin,
    method: 'DELETE',
    path: FLOW,
    doc: {
      operationId: 'deleteFlow',
      summary: 'Deletes a flow. What it has copied stays, and stays read-only.',
      responses: { 204: { description: 'Deleted.' } },
    },
    handle: deleteFlow,
  },
  {
    ...admin,
    method: 'POST',
    path: `${FLOW}:promote`,
    metered: true,
    doc: {
      operationId: 'promoteFlow',
      summary:
        'Ends an identity flow and makes its copies topics that are written here. Once more, until it is complete.',
      responses: {
        200: { description: 'What has been promoted.', content: { [MEDIA.json]: Promotion } },
      },
    },
    handle: promoteFlow,
  },
];
