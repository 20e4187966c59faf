import type { Log } from '../../lib/log.ts';
import { engineParts } from '../../lib/open-log.ts';
import type { EngineParts } from '../../lib/partition/partitions.ts';
import { pushExpiry } from '../../lib/segment/push-expiry.ts';
import { sealOnce } from '../../lib/segment/seal.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import { configNumber } from '../../lib/topic/configs.ts';
import type { Place } from './places.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

/** What keeps a log within its policy: the engine's own entry points, one partition at a time. */
export type JobName = 'seal' | 'pushExpiry';

export interface Work {
  readonly random: SeededRandom;
  readonly place: Place;
  readonly log: Log;
  readonly parts: EngineParts;
  readonly call: Call;
}

const JOBS: Readonly<Record<JobName, (work: Work) => Promise<unknown>>> = {
  seal: ({ parts, place, random, call }) =>
    sealOnce(
      parts,
      place.pk,
      {
        segmentBytes: random.pick([14, 500, 1_000_000]),
        segmentMs: 0,
        hotRetentionMs: configNumber(place.configs, 'hot.retention.ms'),
      },
      call,
    ),
  pushExpiry: ({ parts, place, call }) =>
    pushExpiry(
      parts,
      { pk: place.pk, hotRetentionMs: configNumber(place.configs, 'hot.retention.ms') },
      call,
    ),
};

/** Anything but a storage that cannot be reached is a surprise. */
export async function runJob(
  world: World,
  random: SeededRandom,
  job: JobName,
  { node, place }: { readonly node: Node; readonly place: Place },
): Promise<void> {
  const process = node.process.name;
  const { pk } = place;
  world.trace.add({ kind: job, process, detail: pk });
  await ask(
    world.scheduler,
    node,
    { patienceMs: 60_000, deadlineMs: 30_000 },
    (log, call) => JOBS[job]({ random, place, log, parts: engineParts(node.options), call }),
    (reply) => {
      const detail = (): string => `${pk} ${job} ${reply.kind === 'answer' ? text(reply.value) : reply.kind}`;
      world.trace.add({ kind: 'did', process, detail });
      if (reply.kind !== 'error') return;
      const isStruck = world.history.disasters.some((disaster) => disaster.pk === pk);
      const { error } = reply;
      if (!(error instanceof StorageFault) || (error.kind === 'damaged' && !isStruck))
        noteSurprise(world, process, `${job} ${pk}`, error);
    },
  );
}

function text(outcome: unknown): string {
  return JSON.stringify(outcome, (name, value) => (name === 'index' ? undefined : value)) ?? '';
}
