import type { EngineParts } from '../../engine-parts.ts';
import { atOnce } from '../../group/at-once.ts';
import { readGroup } from '../../group/group-store.ts';
import { offsetsKey } from '../../group/offsets/offset-item.ts';
import { pagesOf } from '../../group/pages.ts';
import { GROUPS_KEY } from '../../group/registry.ts';
import { partitionKey } from '../../partition/chunk.ts';
import { readTail } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import type { ErrandContext, FlowErrand } from '../flow-run.ts';
import { nameFilter } from '../flows/topic-filter.ts';
import {
  createPositionTranslator,
  type TranslatorMemory,
  translatorMemory,
} from '../merged/translate-position.ts';
import type { SourceRegion } from '../source-region.ts';
import { type CheckpointTold, checkpointTold } from './checkpoints.ts';
import { type GroupPace, isWorkDue, paceAfter } from './group-pace.ts';
import type { OwnTopic } from './own-topic.ts';
import { type GroupSyncParts, syncGroup } from './sync-group.ts';
import { topicCatalogs, topicMap } from './topic-map.ts';

const EVERY_MS = 5_000;
const PAGE_ITEMS = 256;
const GROUPS_AT_ONCE = 8;
/** No group is begun with so little time left. */
const LAST_GROUP_MS = 3_000;
/** Positions that a look goes by; those of a larger group are gone through every time. */
const LOOK_ITEMS = 1_000;

/** What a process knows of one flow's groups. */
interface Known {
  readonly flowId: string;
  readonly paces: Map<string, GroupPace>;
  readonly told: CheckpointTold;
  readonly translations: TranslatorMemory;
}

/** Carries the positions of groups over, and writes MirrorMaker 2's checkpoints of them. */
export function groupErrand(
  target: EngineParts,
  { region, own }: { readonly region: string; readonly own: OwnTopic },
): FlowErrand {
  const flows = new Map<string, Known>();
  return {
    name: 'carrying positions of groups over',
    everyMs: EVERY_MS,
    run: async (context, call) => {
      const { flow, source } = context;
      let known = flows.get(flow.source);
      if (known?.flowId !== flow.id) {
        known = {
          ...{ flowId: flow.id, paces: new Map() },
          told: checkpointTold(own, source.alias),
          translations: translatorMemory(),
        };
        flows.set(flow.source, known);
      }
      await lookAtAll({ target, region, context, known }, call);
    },
  };
}

interface Looking {
  readonly target: EngineParts;
  readonly region: string;
  readonly context: ErrandContext;
  readonly known: Known;
}

/**
 * Those whose turn it has been for longest come first, and what the time does not suffice for comes next time. One group's
 * trouble does not keep the others from being carried over; the first is thrown at the end.
 */
async function lookAtAll(looking: Looking, call: Call): Promise<void> {
  const { target, context, known } = looking;
  const { flow, source } = context;
  const matches = await nameFilter({ include: flow.groups, exclude: flow.groupsExclude });
  const groupIds: string[] = [];
  for await (const { items } of pagesOf(source.parts.catalog, GROUPS_KEY, { limit: PAGE_ITEMS }, call)) {
    groupIds.push(...items.map(({ sk }) => sk).filter(matches));
  }
  forgetOthers(known.paces, groupIds);
  const dueMs = (groupId: string): number => known.paces.get(groupId)?.dueMs ?? 0;
  const { clock } = target;
  const nowMs = clock.monotonicMs();
  const due = groupIds.filter((id) => dueMs(id) <= nowMs).sort((a, b) => dueMs(a) - dueMs(b));
  const parts = syncParts(looking);
  const faults: unknown[] = [];
  await atOnce(due, GROUPS_AT_ONCE, async (groupId) => {
    if (clock.monotonicMs() >= call.deadlineMs - LAST_GROUP_MS) return;
    try {
      await lookAt(looking, { parts, groupId }, call);
    } catch (fault) {
      faults.push(fault);
    }
  });
  if (faults.length > 0) throw faults[0];
}

function forgetOthers(paces: Map<string, GroupPace>, groupIds: readonly string[]): void {
  const there = new Set(groupIds);
  for (const groupId of paces.keys()) if (!there.has(groupId)) paces.delete(groupId);
}

async function lookAt(
  { target, context, known }: Looking,
  { parts, groupId }: { readonly parts: GroupSyncParts; readonly groupId: string },
  call: Call,
): Promise<void> {
  const marks = await marksOf(context.source, groupId, call);
  const nowMs = target.clock.monotonicMs();
  const look = { nowMs, marks, isBusy: context.copiedRecords > 0 };
  const before = known.paces.get(groupId);
  if (!isWorkDue(before, look)) {
    known.paces.set(groupId, paceAfter(before, look));
    return;
  }
  const { checkpoints, isSettled } = await syncGroup(parts, groupId, call);
  await known.told.tell(checkpoints, call);
  known.paces.set(groupId, paceAfter(before, look, { isSettled }));
}

/** What the positions of a group in the source are like, at the price of an eventually consistent look. */
async function marksOf({ parts }: SourceRegion, groupId: string, call: Call): Promise<string> {
  const { group } = await readGroup(parts, groupId, { consistent: false }, call);
  if (group === undefined) return '';
  const range = { limit: LOOK_ITEMS, consistent: false };
  const { items, more } = await parts.catalog.query(offsetsKey(group.incarnation), range, call);
  const versions = items.map(({ version }) => version).join(' ');
  return more ? `${versions} ${parts.random.id()}` : versions;
}

function syncParts({ target, region, context, known }: Looking): GroupSyncParts {
  const { source, topics } = context;
  /** ⚑ A partition only grows, so an end that was seen a moment ago bounds a position as well. */
  const ends = new Map<string, number>();
  return {
    ...{ target, region, source },
    translator: createPositionTranslator(
      { source: { ...source.parts, alias: source.alias }, target: { ...target, alias: region } },
      known.translations,
    ),
    topics: topicMap(topics, region, topicCatalogs(target, source)),
    endOf: async ({ topicId }, { partition, wanted }, call) => {
      const pk = partitionKey(topicId, partition);
      const known = ends.get(pk);
      if (known !== undefined && known >= wanted) return known;
      const { tail } = await readTail(target, pk, target.rules, call);
      ends.set(pk, tail.offset);
      return tail.offset;
    },
  };
}
