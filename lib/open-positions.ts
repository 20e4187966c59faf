import type { EngineParts } from './engine-parts.ts';
import { answered } from './group/faults.ts';
import { createOffsetCache } from './group/offsets/offset-cache.ts';
import { resetOffsets } from './group/offsets/reset.ts';
import type { Groups } from './groups.ts';
import type { Log } from './log.ts';

/** What moves positions of groups without members, for who has no other business with groups. */
export function openPositions(parts: EngineParts, log: Log): Pick<Groups, 'resetOffsets'> {
  const { catalog, clock, random, rules } = parts;
  const deps = { catalog, clock, random, rules, log, offsets: createOffsetCache() };
  return {
    resetOffsets: (groupId, resets, call) => answered(() => resetOffsets(deps, groupId, resets, call)),
  };
}
