import { MillraceError } from '../../errors.ts';
import { storageMs } from '../../group/storage-time.ts';
import type { Call } from '../../storage/call.ts';
import type { Random } from '../../storage/random.ts';
import type { Condition, Item, Table } from '../../storage/table.ts';
import { ITEM_BYTES_MAX, itemBytes } from '../../storage/units.ts';
import type { ConsumerInstance } from './instance.ts';
import { instanceFromItem, instancesKey, instanceToItem } from './instance-item.ts';

/** An instance as it was found: what is written next rests on this version of it. */
export interface LoadedInstance {
  readonly instance: ConsumerInstance;
  readonly version: string;
  readonly seenMs: number;
  /** By storage's clock where it has one. */
  readonly nowMs: number;
}

export type SaveOutcome =
  | 'saved'
  /** Somebody else has changed or removed it since it was loaded; nothing was written. */
  | 'lost'
  /** Somebody else has changed it, possibly after it had been written as asked. */
  | 'unsure';

export interface InstanceStore {
  /** False if an instance of this name lives. */
  create(instance: ConsumerInstance, call: Call): Promise<boolean>;
  /** Undefined if there is none, or it has not been used for too long. */
  load(groupId: string, name: string, call: Call): Promise<LoadedInstance | undefined>;
  /** Writes nothing if nothing changed and it was written a moment ago. */
  save(loaded: LoadedInstance, instance: ConsumerInstance, call: Call): Promise<SaveOutcome>;
  /** False if somebody else has changed or removed it. */
  remove(loaded: LoadedInstance, call: Call): Promise<boolean>;
}

/** How long an instance lives without a call, as in the REST Proxy. */
export const INSTANCE_TIMEOUT_MS = 300_000;
/** Groups note a member's life every third of its session: after two thirds of silence at least is it given up. */
export const MEMBER_SESSION_MS: number = (INSTANCE_TIMEOUT_MS * 3) / 2;
/** A call that changes nothing is noted only when the last note is older. */
const SEEN_AGE_MS_MAX = 30_000;

interface Parts {
  readonly catalog: Table<string>;
  readonly random: Random;
}

export function instanceStore({ catalog, random }: Parts): InstanceStore {
  const isOver = (seenMs: number, nowMs: number): boolean =>
    nowMs - seenMs > INSTANCE_TIMEOUT_MS + SEEN_AGE_MS_MAX;

  const put = async (
    instance: ConsumerInstance,
    options: { readonly seenMs: number; readonly condition: Condition },
    call: Call,
  ): Promise<Awaited<ReturnType<Table<string>['put']>>> => {
    const item = instanceToItem({ instance, seenMs: options.seenMs }, random.id());
    checkFits(item);
    return catalog.put(item, { condition: options.condition }, call);
  };

  return {
    create: async (instance, call) => {
      const key = { pk: instancesKey(instance.groupId), sk: instance.name };
      const { item, observation } = await catalog.get(key, { consistent: true }, call);
      const seenMs = storageMs(observation);
      if (item !== undefined && !isOver(instanceFromItem(item).seenMs, seenMs)) return false;
      const condition: Condition =
        item === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: item.version };
      return (await put(instance, { seenMs, condition }, call)).stored;
    },

    load: async (groupId, name, call) => {
      const key = { pk: instancesKey(groupId), sk: name };
      const { item, observation } = await catalog.get(key, { consistent: true }, call);
      if (item === undefined) return undefined;
      const stored = instanceFromItem(item);
      const nowMs = storageMs(observation);
      return isOver(stored.seenMs, nowMs) ? undefined : { ...stored, version: item.version, nowMs };
    },

    save: async (loaded, instance, call) => {
      const isYoung = loaded.nowMs - loaded.seenMs < SEEN_AGE_MS_MAX;
      if (instance === loaded.instance && isYoung) return 'saved';
      const condition: Condition = { kind: 'ifVersion', version: loaded.version };
      const result = await put(instance, { seenMs: loaded.nowMs, condition }, call);
      if (result.stored) return 'saved';
      return result.mayHaveHappened === true ? 'unsure' : 'lost';
    },

    remove: async ({ instance, version }, call) => {
      const key = { pk: instancesKey(instance.groupId), sk: instance.name };
      const { deleted } = await catalog.delete(key, { ifVersion: version }, call);
      return deleted;
    },
  };
}

/** GROUP_MAX_SIZE_REACHED if storage would refuse it: thousands of partitions, or of topics with long names. */
function checkFits(item: Item<string>): void {
  const bytes = itemBytes(item);
  if (bytes <= ITEM_BYTES_MAX) return;
  const message = `What the instance reads takes ${bytes} bytes to write down; at most ${ITEM_BYTES_MAX} can be stored`;
  throw new MillraceError('GROUP_MAX_SIZE_REACHED', message);
}
