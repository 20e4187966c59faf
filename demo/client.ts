import { setTimeout as sleep } from 'node:timers/promises';
import type { TrafficCounter } from './traffic.ts';

export interface Client {
  /** The first free name of `name`, `name-2`, … becomes a topic. */
  createTopic(name: string, partitionCount: number): Promise<string>;
  endOffset(topic: string, partition: number): Promise<number>;
  /** Answers the first offset. The key makes a retry safe: the records are stored once. */
  produce(
    place: Place,
    request: {
      readonly mediaType: string;
      readonly body: string | Uint8Array<ArrayBuffer>;
      readonly idempotencyKey: string;
    },
    counter: TrafficCounter,
  ): Promise<number>;
  fetch(
    place: Place & { readonly offset: number; readonly bytesMax: number },
    mediaType: string,
    counter: TrafficCounter,
  ): Promise<Fetched>;
  alterConfigs(topic: string, configs: Readonly<Record<string, string>>): Promise<void>;
  /** Runs a maintenance job, or as much of it as fits into one request. */
  runJob(topic: string, job: Job, counter: TrafficCounter): Promise<JobReport>;
}

export type Job = 'seal' | 'compact' | 'verify';

/** What a job has done. */
export interface JobReport {
  /** False if the time of a request was too short for all of it. */
  readonly isComplete: boolean;
  readonly counts: Readonly<Record<string, number>>;
  /** What is wrong, a line each. */
  readonly findings: readonly string[];
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}
interface Fetched {
  readonly body: Buffer;
  readonly nextOffset: number;
}

/** The API answered something that a retry does not mend, or nothing for too long. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

const ATTEMPTS_MAX = 10;
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 5_000;
const TOPIC_NAMES_MAX = 1_000;

interface Wish {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly counter?: TrafficCounter;
}
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Millrace's HTTP API with nothing but `fetch`. Its calls reject once `signal` is aborted. Throws `ApiError`. */
export function createClient(options: {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Client {
  const { signal } = options;

  async function once({ method, path, headers, body }: Wish): Promise<Answer> {
    const response = await fetch(options.url + path, {
      method,
      headers: { ...options.headers, ...headers },
      signal,
      ...(body === undefined ? {} : { body }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    };
  }

  /** One attempt, counted: its answer, or what happened on the network. */
  async function attempt(wish: Wish, isRetry: boolean): Promise<Answer | { readonly failure: string }> {
    const outcome = await once(wish).catch((error: unknown) => asFailure(error, signal));
    const isAnswer = 'body' in outcome;
    wish.counter?.count({
      bytes: Buffer.byteLength(wish.body ?? '') + (isAnswer ? outcome.body.length : 0),
      cost: isAnswer ? outcome.headers.get('x-millrace-cost') : null,
      isRetry,
    });
    return outcome;
  }

  /** Retries what may pass by itself, more and more slowly. */
  async function call(wish: Wish): Promise<Answer> {
    let last = '';
    for (let number = 1; number <= ATTEMPTS_MAX; number += 1) {
      if (number > 1) await sleep(pauseMs(number), undefined, { signal });
      const outcome = await attempt(wish, number > 1);
      if ('body' in outcome && !isPassing(outcome.status)) return outcome;
      last = 'body' in outcome ? problem(wish, outcome) : outcome.failure;
    }
    throw new ApiError(`${wish.method} ${wish.path} failed ${ATTEMPTS_MAX} times, the last time: ${last}`);
  }

  async function expect(status: number, wish: Wish): Promise<Answer> {
    const answer = await call(wish);
    if (answer.status !== status) throw new ApiError(problem(wish, answer));
    return answer;
  }

  let clusterId: string | undefined;
  async function topicPath(topic: string): Promise<string> {
    if (clusterId === undefined) {
      const { body } = await expect(200, { method: 'GET', path: '/v3/clusters', headers: {} });
      const { data } = JSON.parse(body.toString()) as { data: readonly { readonly cluster_id: string }[] };
      clusterId = data[0]?.cluster_id ?? '';
    }
    return `/v3/clusters/${clusterId}/topics/${encodeURIComponent(topic)}`;
  }

  return {
    createTopic: async (name, partitionCount) => {
      for (let number = 1; number <= TOPIC_NAMES_MAX; number += 1) {
        const topic = number === 1 ? name : `${name}-${number}`;
        const wish: Wish = {
          method: 'POST',
          path: '/admin/topics',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ topic_name: topic, partitions_count: partitionCount }),
        };
        const answer = await call(wish);
        if (answer.status === 201) return topic;
        if (errorOf(answer).kafka_error !== 'TOPIC_ALREADY_EXISTS') throw new ApiError(problem(wish, answer));
      }
      throw new ApiError(`There are ${TOPIC_NAMES_MAX} topics named ${name} already`);
    },
    endOffset: async (topic, partition) => {
      const path = `${pathOf({ topic, partition })}/offsets`;
      const { body } = await expect(200, { method: 'GET', path, headers: {} });
      return (JSON.parse(body.toString()) as { end_offset: number }).end_offset;
    },
    produce: async (place, { mediaType, body, idempotencyKey }, counter) => {
      const wish: Wish = {
        method: 'POST',
        path: pathOf(place),
        headers: { 'Content-Type': mediaType, 'Idempotency-Key': idempotencyKey },
        body,
        counter,
      };
      const answer = await expect(200, wish);
      const { offsets } = JSON.parse(answer.body.toString()) as {
        offsets: { offset: number | null; error: string | null }[];
      };
      const refused = offsets.find(({ offset }) => offset === null);
      const first = offsets[0]?.offset;
      if (refused !== undefined || typeof first !== 'number') {
        throw new ApiError(`POST ${wish.path} stored not all of its records: ${refused?.error}`);
      }
      return first;
    },
    alterConfigs: async (topic, configs) => {
      const data = Object.entries(configs).map(([name, value]) => ({ name, value }));
      await expect(204, {
        method: 'POST',
        path: `${await topicPath(topic)}/configs:alter`,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ data }),
      });
    },
    runJob: async (topic, job, counter) => {
      const answer = await expect(200, {
        method: 'POST',
        path: `${await topicPath(topic)}/maintenance:run`,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ job }),
        counter,
      });
      const { is_complete, counts, findings } = JSON.parse(answer.body.toString()) as JobAnswer;
      return { isComplete: is_complete, counts, findings: findings.map(findingLine) };
    },
    fetch: async ({ offset, bytesMax, ...place }, mediaType, counter) => {
      const path = `${pathOf(place)}/records?offset=${offset}&max_bytes=${bytesMax}`;
      const answer = await expect(200, { method: 'GET', path, headers: { Accept: mediaType }, counter });
      return { body: answer.body, nextOffset: Number(answer.headers.get('x-next-offset')) };
    },
  };
}

interface JobAnswer {
  readonly is_complete: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly {
    readonly name: string;
    readonly message: string;
    readonly partition_id?: number;
  }[];
}

const findingLine = ({ name, message, partition_id: partition }: JobAnswer['findings'][number]): string =>
  `${partition === undefined ? '' : `partition ${partition}: `}${name}: ${message}`;

const pathOf = ({ topic, partition }: Place): string =>
  `/topics/${encodeURIComponent(topic)}/partitions/${partition}`;

/** Before the attempt of this number, with jitter. */
const pauseMs = (number: number): number =>
  Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** (number - 2)) * (0.5 + Math.random() / 2);

const isPassing = (status: number): boolean => status === 429 || status >= 500;

/** `fetch` rejects with a TypeError whose cause says what happened on the network. */
function asFailure(error: unknown, signal: AbortSignal): { readonly failure: string } {
  if (signal.aborted || !(error instanceof TypeError)) throw error;
  return { failure: error.cause instanceof Error ? error.cause.message : error.message };
}

function errorOf({ body }: Answer): { readonly message?: string; readonly kafka_error?: string } {
  try {
    return JSON.parse(body.toString()) as object;
  } catch {
    return {};
  }
}

function problem({ method, path }: Wish, answer: Answer): string {
  const { message = answer.body.toString().slice(0, 200), kafka_error } = errorOf(answer);
  return `${method} ${path} answered ${answer.status} ${kafka_error ?? ''}: ${message}`;
}
