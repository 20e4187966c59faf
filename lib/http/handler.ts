import { invariant } from '../errors.ts';
import type { Flows } from '../flows.ts';
import { Turns } from '../group/turns.ts';
import type { Groups } from '../groups.ts';
import type { Maintenance } from '../jobs.ts';
import type { Log } from '../log.ts';
import type { Codecs } from '../record/codecs.ts';
import type { Region } from '../region.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';
import type { Table } from '../storage/table.ts';
import { createStickyPartitioner } from '../topic/sticky-partitioner.ts';
import type { Translation } from '../translation.ts';
import type { Dialect } from './consumers/instance.ts';
import { instanceStore } from './consumers/instance-store.ts';
import { costOf } from './cost.ts';
import { asHttpError, errorResponse, HttpError, INTERNAL, notFound, type RestCodes } from './http-error.ts';
import { type HttpRequest, type HttpResponse, jsonResponse, MEDIA } from './message.ts';
import { type MountedRoute, mountedRoutes } from './mount.ts';
import type { Exchange, Route, RouteGroup, Services } from './route.ts';
import { createRouter, type Match } from './router.ts';

export interface HttpHandlerOptions {
  readonly log: Log;
  /** Their routes do not answer without. */
  readonly groups?: Groups;
  /** For the group of that name, which does not answer without. @default `groups` */
  readonly positions?: Pick<Groups, 'resetOffsets'>;
  /** With retries around it: consumer instances are kept there. */
  readonly catalog: Table<string>;
  /** For the admin group. @default jobs cannot be run here: 404 */
  readonly maintenance?: Maintenance;
  /** For the admin group. @default there are no other regions: 404 */
  readonly flows?: Flows;
  /** For the group `positions`. @default there are no other regions: 404 */
  readonly translation?: Translation;
  /** For the admin group. @default it cannot be frozen from here: 404 */
  readonly region?: Region;
  /** What `/openapi.json` answers (`loadOpenApi`). @default there is none: 404 */
  readonly openApi?: () => Promise<object>;
  /** How consumer instances commit, whatever they are created with. @default told by their settings */
  readonly dialect?: Dialect;
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly random: Random;
  /** Those that answer here: `ALL_ROUTES`, or less. */
  readonly routes: readonly Route[];
  /** Called with every fault: an answer 500 whose cause the client does not learn. */
  readonly onFault: (fault: {
    readonly method: string;
    readonly path: string;
    readonly cause: unknown;
  }) => void;
  /** Why this process should get no traffic now. @default always ready */
  readonly notReady?: () => string | undefined;
  /** About how large an answer with records may be. @default 4 MB: a Lambda function answers at most 6 MB */
  readonly answerBytesMax?: number;
}

export interface HttpContext {
  /** The transport's: a meter of its own for every request, and the time until it gives up on the answer. */
  readonly call: Call;
}

export type HttpHandler = (request: HttpRequest, context: HttpContext) => Promise<HttpResponse>;

const ANSWER_BYTES_MAX = 4_000_000;
const OPENAPI_PATH = '/openapi.json';

/** The HTTP API, whatever carries the requests. Every outcome is an answer: the promise never rejects. */
export function createHttpHandler(options: HttpHandlerOptions): HttpHandler {
  const { groups, positions = groups } = options;
  const missing = new Map<RouteGroup, boolean>([
    ['groups', groups === undefined],
    ['positions', positions === undefined],
  ]);
  const routes = options.routes.filter(({ group }) => missing.get(group) !== true);
  const openApi = options.openApi === undefined ? undefined : openApiAnswerer(options.openApi);
  const route = createRouter<MountedRoute>(mountedRoutes(routes));
  const services: Services = {
    log: options.log,
    get groups() {
      invariant(groups !== undefined, 'no route of groups is mounted where there are no groups');
      return groups;
    },
    get positions() {
      invariant(positions !== undefined, 'no route of positions is mounted where there are none');
      return positions;
    },
    instances: instanceStore(options),
    reads: new Turns(),
    dialect: options.dialect,
    maintenance: options.maintenance,
    flows: options.flows,
    translation: options.translation,
    region: options.region,
    codecs: options.codecs,
    clock: options.clock,
    random: options.random,
    keylessPartition: createStickyPartitioner(options),
    notReady: options.notReady ?? (() => undefined),
    noteFault: faultNoter(options.onFault),
    answerBytesMax: options.answerBytesMax ?? ANSWER_BYTES_MAX,
  };

  return async (request, context) => {
    const media = mediaOf(request.path);
    try {
      if (request.path === OPENAPI_PATH && openApi !== undefined) return await openApi(request);
      const match = found(route(request.method, request.path), request);
      const response = await answer(services, match, request, context);
      return request.method === 'HEAD' ? { ...response, body: '' } : response;
    } catch (error) {
      return failure(services, { request, media, error });
    }
  };
}

type Found = Extract<Match<MountedRoute>, { kind: 'found' }>;

function found(match: Match<MountedRoute>, request: HttpRequest): Found {
  if (match.kind === 'found') return match;
  if (match.kind === 'none') throw notFound(404, 'HTTP 404 Not Found', 'INVALID_REQUEST');
  throw new HttpError({ status: 405 }, `HTTP 405 Method Not Allowed: ${request.method}`, {
    Allow: match.allow.join(', '),
  });
}

const mediaOf = (path: string): string =>
  path.startsWith('/v3') || path.startsWith('/kafka/v3') || path === OPENAPI_PATH ? MEDIA.json : MEDIA.v2;

/** Errors of a route carry its cost too: what was used was used. */
async function answer(
  services: Services,
  { route: mounted, params }: Found,
  request: HttpRequest,
  context: HttpContext,
): Promise<HttpResponse> {
  const { route, prefix } = mounted;
  const exchange: Exchange = {
    services,
    request,
    params,
    call: context.call,
    v3Url: `${request.baseUrl ?? ''}${prefix}`,
  };
  let response: HttpResponse;
  try {
    if (route.api === 'v3') checkCluster(exchange, route.anyCluster === true);
    response = await route.handle(exchange);
  } catch (error) {
    const { restCodes = {} } = route;
    response = failure(services, { request, media: mediaOf(request.path), error, restCodes });
  }
  if (route.metered !== true) return response;
  return { ...response, headers: { ...response.headers, 'X-Millrace-Cost': costOf(context.call.meter) } };
}

function checkCluster({ services, params }: Exchange, anyCluster: boolean): void {
  const cluster = params.cluster;
  if (anyCluster || cluster === undefined || cluster === services.log.clusterId) return;
  throw notFound(404, `Cluster ${cluster} cannot be found.`, 'INVALID_REQUEST');
}

function failure(
  { noteFault }: Services,
  failed: {
    readonly request: HttpRequest;
    readonly media: string;
    readonly error: unknown;
    readonly restCodes?: RestCodes;
  },
): HttpResponse {
  const expected = asHttpError(failed.error, failed.restCodes);
  if (expected === undefined || expected.status === 500) noteFault(failed.request, failed.error);
  return expected === undefined
    ? jsonResponse(500, failed.media, INTERNAL)
    : errorResponse(expected, failed.media);
}

/** A fault passes several places that could tell of it. */
function faultNoter(onFault: HttpHandlerOptions['onFault']): Services['noteFault'] {
  const noted = new WeakSet<object>();
  return ({ method, path }, cause) => {
    if (typeof cause === 'object' && cause !== null) {
      if (noted.has(cause)) return;
      noted.add(cause);
    }
    onFault({ method, path, cause });
  };
}

/** Made by the first who asks, and kept: the schemas behind it never change. */
function openApiAnswerer(openApi: () => Promise<object>): (request: HttpRequest) => Promise<HttpResponse> {
  let document: string | undefined;
  return async ({ method }) => {
    if (method !== 'GET' && method !== 'HEAD') {
      throw new HttpError({ status: 405 }, `HTTP 405 Method Not Allowed: ${method}`, { Allow: 'GET' });
    }
    document ??= JSON.stringify(await openApi());
    return { status: 200, headers: { 'Content-Type': MEDIA.json }, body: method === 'HEAD' ? '' : document };
  };
}
