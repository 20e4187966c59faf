import type { EngineParts } from './engine-parts.ts';
import { describeGroup, listGroups } from './group/describe.ts';
import { deleteGroup } from './group/ending/delete-group.ts';
import { answered } from './group/faults.ts';
import { openHeartbeat } from './group/members/heartbeat.ts';
import { commit } from './group/offsets/commit.ts';
import { commitWithin } from './group/offsets/commit-within.ts';
import { committed } from './group/offsets/committed.ts';
import { deleteOffsets } from './group/offsets/delete-offsets.ts';
import { lags } from './group/offsets/lags.ts';
import { createOffsetCache } from './group/offsets/offset-cache.ts';
import { resetOffsets } from './group/offsets/reset.ts';
import { takeOver } from './group/offsets/take-over.ts';
import type { Groups } from './groups.ts';
import type { Log } from './log.ts';

/** Opens consumer groups on the log's parts (`engineParts`); any number of processes may do so at once. */
export function openGroups(parts: EngineParts, log: Log): Groups {
  const { catalog, clock, random, rules } = parts;
  const deps = { catalog, clock, random, rules, log, offsets: createOffsetCache() };
  const heartbeat = openHeartbeat(deps);
  return {
    heartbeat: (beat, call) => answered(() => heartbeat(beat, call)),
    takeOver: (request, call) => answered(() => takeOver(deps, request, call)),
    commit: (request, call) => answered(() => commit(deps, request, call)),
    commitWithin: (request, call) => answered(() => commitWithin(deps, request, call)),
    committed: (groupId, places, call) => answered(() => committed(deps, groupId, places, call)),
    list: (call) => answered(() => listGroups(deps, call)),
    describe: (groupId, call) => answered(() => describeGroup(deps, groupId, call)),
    delete: (groupId, call) => answered(() => deleteGroup(deps, groupId, call)),
    deleteOffsets: (groupId, places, call) => answered(() => deleteOffsets(deps, groupId, places, call)),
    resetOffsets: (groupId, resets, call) => answered(() => resetOffsets(deps, groupId, resets, call)),
    lags: (groupId, call) => answered(() => lags(deps, groupId, call)),
  };
}
