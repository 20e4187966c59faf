import type { Flows } from '../flows.ts';
import type { Turns } from '../group/turns.ts';
import type { Groups } from '../groups.ts';
import type { Maintenance } from '../jobs.ts';
import type { Log } from '../log.ts';
import type { Codecs } from '../record/codecs.ts';
import type { Region } from '../region.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';
import type { KeylessRequest } from '../topic/sticky-partitioner.ts';
import type { Translation } from '../translation.ts';
import type { Dialect } from './consumers/instance.ts';
import type { InstanceStore } from './consumers/instance-store.ts';
import type { RestCodes } from './http-error.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import type { Schema } from './schemas/common.ts';

/** Which function serves a route, each with its own privileges. */
export type RouteGroup = 'produce' | 'fetch' | 'groups' | 'admin' | 'positions';

export const EVERY_ROUTE_GROUP: readonly RouteGroup[] = ['produce', 'fetch', 'groups', 'admin', 'positions'];

/** What the routes share. */
export interface Services {
  readonly log: Log;
  readonly groups: Groups;
  readonly positions: Pick<Groups, 'resetOffsets'>;
  readonly instances: InstanceStore;
  /** One for each instance that is being read. */
  readonly reads: Turns;
  /** Undefined: told by each instance's settings. */
  readonly dialect: Dialect | undefined;
  /** Undefined where jobs cannot be run. */
  readonly maintenance: Maintenance | undefined;
  /** Undefined where there are no other regions. */
  readonly flows: Flows | undefined;
  /** Undefined where there are no other regions. */
  readonly translation: Translation | undefined;
  /** Undefined where it cannot be frozen. */
  readonly region: Region | undefined;
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly random: Random;
  readonly keylessPartition: (request: KeylessRequest) => number;
  /** Why this process should get no traffic now; undefined when it may. */
  readonly notReady: () => string | undefined;
  /** Tells the operator of a fault whose cause the client does not learn; of the same one only once. */
  readonly noteFault: (request: HttpRequest, cause: unknown) => void;
  /** Bytes of keys, values and JSON around them in one answer, soft: one record always goes out. */
  readonly answerBytesMax: number;
}

/** One request on its way through a route. */
export interface Exchange {
  readonly services: Services;
  readonly request: HttpRequest;
  readonly params: Readonly<Record<string, string>>;
  readonly call: Call;
  /** Absolute if the transport knows the host: `https://host/v3`. */
  readonly v3Url: string;
}

export interface QueryParameter {
  readonly description: string;
  readonly type: 'integer' | 'string' | 'boolean';
  readonly required?: boolean;
}

/** `bytes` and `text` stand for bodies that are not one JSON value. */
export type Content = Readonly<Record<string, Schema | 'bytes' | 'text'>>;

/** What the OpenAPI document says about a route. Anything that is not listed is answered with an error body. */
export interface RouteDoc {
  readonly operationId: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, QueryParameter>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Content;
  /** @default false */
  readonly bodyIsOptional?: boolean;
  readonly responses: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
}

export interface Route {
  readonly method: string;
  /** v3 routes without `/v3`: they are mounted twice. */
  readonly path: string;
  readonly group: RouteGroup;
  readonly api: 'v2' | 'v3';
  /** Whether answers carry `X-Millrace-Cost`. */
  readonly metered?: boolean;
  /** Whether the cluster id in the path may be any (the REST Proxy does not look at it when it produces). */
  readonly anyCluster?: boolean;
  readonly restCodes?: RestCodes;
  readonly doc: RouteDoc;
  readonly handle: (exchange: Exchange) => HttpResponse | Promise<HttpResponse>;
}

/** A parameter of the path; the router has set it. */
export function param(exchange: Exchange, name: string): string {
  return exchange.params[name] ?? '';
}
