import type { Region, RegionDescription } from '../../region.ts';
import { notFound } from '../http-error.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import type { Exchange, Route } from '../route.ts';
import { Region as RegionBody } from '../schemas/regions.ts';
import { v3Names } from '../v3-links.ts';

const REGION = '/clusters/{cluster}/region';

type Asked = (region: Region, exchange: Exchange) => Promise<RegionDescription>;

async function answer(exchange: Exchange, asked: Asked): Promise<HttpResponse> {
  const { region } = exchange.services;
  if (region === undefined) throw notFound(404, 'The region cannot be frozen from here.', 'INVALID_REQUEST');
  const { state, sinceMs, partitionCount, closedCount, isComplete } = await asked(region, exchange);
  const names = v3Names(exchange);
  return jsonResponse(200, MEDIA.json, {
    kind: 'MillraceRegion',
    metadata: names.metadata(['region'], {}),
    cluster_id: names.clusterId,
    state,
    since_ms: sinceMs ?? null,
    partitions_count: partitionCount,
    closed_partitions_count: closedCount,
    is_complete: isComplete,
  });
}

function route(
  told: {
    readonly method: string;
    readonly path: string;
    readonly operationId: string;
    readonly summary: string;
  },
  asked: Asked,
): Route {
  const { method, path, operationId, summary } = told;
  const description =
    'Every partition is as the state says if it is complete; otherwise time ran out: the next request goes on.';
  return {
    method,
    path,
    group: 'admin',
    api: 'v3',
    metered: true,
    doc: {
      operationId,
      summary,
      responses: { 200: { description, content: { [MEDIA.json]: RegionBody } } },
    },
    handle: (exchange) => answer(exchange, asked),
  };
}

export const v3RegionRoutes: readonly Route[] = [
  route(
    {
      method: 'GET',
      path: REGION,
      operationId: 'getRegion',
      summary: 'Whether the region takes records. Looks at every partition.',
    },
    (region, { call }) => region.describe(call),
  ),
  route(
    {
      method: 'POST',
      path: `${REGION}:freeze`,
      operationId: 'freezeRegion',
      summary: 'Closes every partition: no record is added any more, whoever sends it. Reading goes on.',
    },
    (region, { call }) => region.freeze(call),
  ),
  route(
    {
      method: 'POST',
      path: `${REGION}:thaw`,
      operationId: 'thawRegion',
      summary: 'Opens every partition that was frozen.',
    },
    (region, { call }) => region.thaw(call),
  ),
];
