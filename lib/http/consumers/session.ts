import { answered } from '../../group/faults.ts';
import { HttpError, notFound } from '../http-error.ts';
import { type Exchange, param } from '../route.ts';
import type { ConsumerInstance } from './instance.ts';
import type { LoadedInstance } from './instance-store.ts';
import type { ConsumerParts } from './parts.ts';

/** What a call made of an instance, and what it answers. An error is thrown once the instance has been written. */
export type Worked<T> =
  | { readonly instance: ConsumerInstance; readonly answer: T; readonly error?: undefined }
  | { readonly instance: ConsumerInstance; readonly error: Error };

export type InstanceWork<T> = (parts: ConsumerParts, instance: ConsumerInstance) => Promise<Worked<T>>;

const ATTEMPTS = 2;

/**
 * One call of an instance: load it, work on it, write what it has become. Nobody else may have changed it in between; if
 * somebody has, the call begins anew, once. 404 with code 40403 for an instance that is not (any more) there, 409 with
 * code 40903 for one that others keep changing.
 */
export async function withInstance<T>(exchange: Exchange, work: InstanceWork<T>): Promise<T> {
  const parts = consumerParts(exchange);
  return answered(async () => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const loaded = await loadInstance(exchange);
      const worked = await work(parts, loaded.instance);
      const outcome = await exchange.services.instances.save(loaded, worked.instance, exchange.call);
      // If it was written after all, whoever changed it went on from there: these records are answered by nobody else.
      if (outcome !== 'lost') return outcomeOf(worked);
    }
    throw inUse();
  });
}

export const inUse = (): HttpError =>
  new HttpError(
    { status: 409, restCode: 40903 },
    'Other requests use this instance at the same time; send one after the other',
  );

/**
 * As `withInstance`, for calls that may take long and change the instance, which its reads are: those of one process take
 * turns. 409 with code 40903 for one whose time is over before its turn comes.
 */
export function inTurn<T>(exchange: Exchange, work: InstanceWork<T>): Promise<T> {
  const { services, call } = exchange;
  const key = JSON.stringify([param(exchange, 'group'), param(exchange, 'instance')]);
  return services.reads.run(key, async () => {
    if (services.clock.monotonicMs() >= call.deadlineMs) throw inUse();
    return withInstance(exchange, work);
  });
}

function outcomeOf<T>(worked: Worked<T>): T {
  if (worked.error !== undefined) throw worked.error;
  return worked.answer;
}

/** 404 with code 40403. */
export async function loadInstance(exchange: Exchange): Promise<LoadedInstance> {
  const group = param(exchange, 'group');
  const name = param(exchange, 'instance');
  const loaded = await exchange.services.instances.load(group, name, exchange.call);
  if (loaded === undefined) {
    throw notFound(40403, `Consumer instance '${name}' not found in group '${group}'.`, 'UNKNOWN_MEMBER_ID');
  }
  return loaded;
}

export function consumerParts({ services, call, request }: Exchange): ConsumerParts {
  const { groups, log, clock, noteFault } = services;
  return {
    groups,
    log,
    clock,
    call,
    // Made only for a call that waits.
    get signal() {
      return request.signal;
    },
    noteFault: (cause) => noteFault(request, cause),
  };
}
