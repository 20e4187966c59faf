import type { EngineParts } from '../../../lib/engine-parts.ts';
import { type ErrorCode, MillraceError } from '../../../lib/errors.ts';
import type { Group, RosterEntry } from '../../../lib/group/group-item.ts';
import { changeGroup, newGroup } from '../../../lib/group/group-store.ts';
import {
  type Member,
  memberFromItem,
  memberItemKey,
  memberToItem,
} from '../../../lib/group/members/member-item.ts';
import type { Groups, OffsetToCommit } from '../../../lib/groups.ts';
import type { Log } from '../../../lib/log.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { ALL_RULES, type Rules } from '../../../lib/rules.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Table } from '../../../lib/storage/table.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';
import { Died } from '../segment/compact/interference.ts';
import { type VirtualClock, virtualClock } from '../storage/virtual-clock.ts';

/** A process of its own: it knows nothing that the others do. */
export interface Process {
  readonly groups: Groups;
  readonly log: Log;
  readonly parts: EngineParts;
}

/** A topic `orders`, 4 partitions of 10 records each, and groups whose members and owners a test sets as it likes. */
export interface Scene {
  readonly clock: VirtualClock;
  readonly storage: LogOptions;
  readonly topicId: string;
  call(): Call;
  process(options?: { readonly catalog?: Table<string>; readonly rules?: Partial<Rules> }): Promise<Process>;
  /**
   * Makes these the members, and the owners of the partitions of `orders` in their order (undefined: nobody); the epoch
   * is raised. `target` @default the owners.
   */
  assign(owner: readonly (string | undefined)[], target?: readonly (string | undefined)[]): Promise<Group>;
  member(memberId: string): Promise<{ readonly memberId: string; readonly memberEpoch: number }>;
}

export const GROUP = 'g';
export const RECORDS = 10;

export async function scene(): Promise<Scene> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const log = await openMemoryLog(storage);
  const call = (): Call => newCall(clock);
  const { topicId } = await log.createTopic({ name: 'orders', partitionCount: 4 }, call());
  const batches = batchOf(...Array.from({ length: RECORDS }, (_, i) => `${i}`));
  for (const partition of [0, 1, 2, 3]) await log.produce({ topic: 'orders', partition, batches }, call());
  const parts = engineParts(storage);

  const readMember = async (memberId: string): Promise<Member | undefined> => {
    const { item } = await storage.catalog.get(memberItemKey(GROUP, memberId), { consistent: true }, call());
    return item === undefined ? undefined : memberFromItem(item);
  };
  return {
    clock,
    storage,
    topicId,
    call,
    process: async ({ catalog = storage.catalog, rules = {} } = {}) => {
      const options = { ...storage, catalog, clusterId: log.clusterId, rules: { ...ALL_RULES, ...rules } };
      const own = await openMemoryLog(options);
      return { groups: openGroups(engineParts(options), own), log: own, parts: engineParts(options) };
    },
    assign: async (owner, target = owner) => {
      const ids = [...new Set([...owner, ...target])].filter((id) => id !== undefined);
      const numbers = new Map<string | undefined, number>([[undefined, 0]]);
      for (const id of ids)
        numbers.set(
          id,
          (await readMember(id))?.number ?? 1 + Math.floor(clock.monotonicMs() * 1000 + Math.random() * 1e9),
        );
      const roster: RosterEntry[] = ids.map((id) => ({ number: numbers.get(id) ?? 0, subscription: 0 }));
      const numbersOf = (all: readonly (string | undefined)[]): number[] =>
        [0, 1, 2, 3].map((p) => numbers.get(all[p]) ?? 0);
      const { group } = await changeGroup(
        parts,
        GROUP,
        (seen) => {
          const before = seen.group ?? newGroup(parts, seen);
          return {
            ...before,
            groupEpoch: before.groupEpoch + 1,
            changedMs: clock.wallMs(),
            subscriptions: ids.length === 0 ? [] : [{ topics: ['orders'], topicRegex: '', assignor: '' }],
            roster,
            topics:
              ids.length === 0
                ? []
                : [{ topicId, name: 'orders', owner: numbersOf(owner), target: numbersOf(target) }],
          };
        },
        call(),
      );
      if (group === undefined) throw new Error('the group is not there');
      for (const memberId of ids) {
        const before = await readMember(memberId);
        const member: Member = {
          memberId,
          number: numbers.get(memberId) ?? 0,
          memberEpoch: group.groupEpoch,
          previousEpoch: before?.memberEpoch ?? group.groupEpoch,
          instanceId: '',
          clientId: `client of ${memberId}`,
          sessionTimeoutMs: 45_000,
          rebalanceTimeoutMs: 300_000,
          seenMs: clock.wallMs(),
          revokingSinceMs: 0,
          version: '',
        };
        const item = memberToItem(GROUP, member, storage.random.id());
        const { item: standing } = await storage.catalog.get(item, { consistent: true }, call());
        const condition =
          standing === undefined
            ? ({ kind: 'ifAbsent' } as const)
            : ({ kind: 'ifVersion', version: standing.version } as const);
        await storage.catalog.put(item, { condition }, call());
      }
      return group;
    },
    member: async (memberId) => ({ memberId, memberEpoch: (await readMember(memberId))?.memberEpoch ?? -1 }),
  };
}

export function at(partition: number, offset: number, more: Partial<OffsetToCommit> = {}): OffsetToCommit {
  return { topic: 'orders', partition, offset, ...more };
}

export function place(partition: number): { readonly topic: string; readonly partition: number } {
  return { topic: 'orders', partition };
}

/** What became of each position: its error's code, or `ok`. */
export function codes(results: readonly { readonly error?: { readonly code: ErrorCode } }[]): string[] {
  return results.map(({ error }) => error?.code ?? 'ok');
}

/** As `codes`, or the code that the whole request was refused with. */
export async function outcome(
  work: Promise<readonly { readonly error?: { readonly code: ErrorCode } }[]>,
): Promise<string[]> {
  try {
    return codes(await work);
  } catch (error) {
    if (error instanceof MillraceError) return [error.code];
    throw error;
  }
}

/** `partition:offset` of everything committed. */
export async function positions({ groups }: Process, call: Call, groupId: string = GROUP): Promise<string[]> {
  return (await groups.committed(groupId, undefined, call)).map(
    ({ partition, offset }) => `${partition}:${offset}`,
  );
}

/** Takes these partitions of `orders` over and answers where the member goes on: an offset, undefined, or an error's code. */
export async function take(
  { groups }: Process,
  member: { readonly memberId: string; readonly memberEpoch: number },
  partitions: readonly number[],
  call: Call,
): Promise<(number | string | undefined)[]> {
  const taken = await groups.takeOver({ groupId: GROUP, ...member, places: partitions.map(place) }, call);
  return taken.map(({ committed, error }) => error?.code ?? committed?.offset);
}

/** False if the process died over it. */
export async function survives(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Died) return false;
    throw error;
  }
}
