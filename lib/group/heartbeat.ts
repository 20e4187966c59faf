import type { GroupHeartbeat, HeartbeatAnswer } from '../groups.ts';
import type { Call } from '../storage/call.ts';
import type { GroupParts } from './group-parts.ts';
import { checkGroupId, checkMemberId } from './names.ts';

export class Heartbeats {
  readonly #deps: GroupParts;

  constructor(deps: GroupParts) {
    this.#deps = deps;
  }

  async answer(beat: GroupHeartbeat, _call: Call): Promise<HeartbeatAnswer> {
    checkGroupId(beat.groupId);
    checkMemberId(beat.memberId);
    throw new Error(`not there yet ${this.#deps.random.id()}`);
  }
}
