import type { ErrorCode } from '../../../lib/errors.ts';
import type { AssignedTopic, GroupHeartbeat, Groups, HeartbeatAnswer } from '../../../lib/groups.ts';
import type { Log } from '../../../lib/log.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Usage } from '../../../lib/storage/meter.ts';
import { memoryStorage, newCall, refusal } from '../../support/log-on-memory.ts';
import { type VirtualClock, virtualClock } from '../storage/virtual-clock.ts';

/** A process of its own: it knows nothing that the others do. */
export interface Process {
  readonly log: Log;
  readonly groups: Groups;
}

export interface Stage extends Process {
  readonly clock: VirtualClock;
  readonly storage: LogOptions;
  call(): Call;
  process(options?: Partial<LogOptions>): Promise<Process>;
  member(memberId: string, options?: MemberOptions): TestMember;
}

export interface MemberOptions extends Partial<GroupHeartbeat> {
  /** Whom it speaks to. @default the stage's own process */
  readonly via?: Process;
}

/** Instead of what a client would send; undefined leaves a field out. */
export type Change = { readonly [field in keyof GroupHeartbeat]?: GroupHeartbeat[field] | undefined } & {
  readonly via?: Process;
};

/** A member as a Kafka client is one: it gives up what it is told to at once, and says so with its next heartbeat. */
export interface TestMember {
  readonly memberId: string;
  readonly epoch: number;
  /** As `topic:partition`, ascending. */
  readonly owns: readonly string[];
  /** Heartbeats; joins with the first one. */
  beat(change?: Change): Promise<HeartbeatAnswer>;
  /** As `beat`, and what it used. */
  metered(change?: Change): Promise<{ answer: HeartbeatAnswer; usage: Usage }>;
  refusal(change?: Change): Promise<ErrorCode | 'none'>;
  /** The next heartbeat joins. */
  forget(): void;
}

export const GROUP = 'g';

/** Topics with their numbers of partitions, and any number of members and processes. */
export async function stage(topics: Readonly<Record<string, number>>): Promise<Stage> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const call = (): Call => newCall(clock);
  const process = async (options: Partial<LogOptions> = {}): Promise<Process> => {
    const own = { ...storage, ...options };
    const log = await openLog(own, newCall(own.clock));
    return { log, groups: openGroups(engineParts(own), log) };
  };
  const first = await process();
  for (const [name, partitionCount] of Object.entries(topics)) {
    await first.log.createTopic({ name, partitionCount }, call());
  }
  const names = Object.keys(topics);
  return {
    ...first,
    clock,
    storage,
    call,
    process,
    member: (memberId, options) =>
      testMember({ memberId, groupId: GROUP, subscription: { topics: names }, ...options }, { call, first }),
  };
}

function testMember(
  options: MemberOptions & { readonly memberId: string; readonly groupId: string },
  { call, first }: { readonly call: () => Call; readonly first: Process },
): TestMember {
  const { via: usual = first, memberId, groupId, instanceId, ...joining } = options;
  let epoch = 0;
  let owned: readonly AssignedTopic[] = [];
  let hasNews = false;
  const send = async ({ via = usual, ...change }: Change, forCall: Call): Promise<HeartbeatAnswer> => {
    const isStatic = instanceId === undefined ? {} : { instanceId };
    const news = hasNews ? { owned } : {};
    const full = {
      memberEpoch: epoch,
      memberId,
      groupId,
      ...isStatic,
      ...(epoch === 0 ? { ...joining, owned: [] } : news),
    };
    // Until there is an answer: a client that gets none sends everything again.
    hasNews = true;
    const answer = await via.groups.heartbeat({ ...full, ...change } as GroupHeartbeat, forCall);
    epoch = Math.max(0, answer.memberEpoch);
    hasNews = answer.assignment !== undefined;
    owned = answer.memberEpoch < 0 ? [] : (answer.assignment ?? owned);
    return answer;
  };
  return {
    memberId,
    get epoch() {
      return epoch;
    },
    get owns() {
      return namesOf(owned);
    },
    beat: (change = {}) => send(change, call()),
    metered: async (change = {}) => {
      const forCall = call();
      return { answer: await send(change, forCall), usage: forCall.meter.usage };
    },
    refusal: (change = {}) => refusal(send(change, call())),
    forget: () => {
      epoch = 0;
      owned = [];
    },
  };
}

export function namesOf(assignment: readonly AssignedTopic[]): string[] {
  return assignment.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => `${topic}:${partition}`),
  );
}

/** Heartbeats of everybody in turn until a whole round changes nothing; answers the number of rounds. */
export async function settle(members: readonly TestMember[], roundsMax = 20): Promise<number> {
  for (let round = 1; round <= roundsMax; round += 1) {
    let isQuiet = true;
    for (const member of members) {
      const before = `${member.epoch} ${member.owns}`;
      const { assignment } = await member.beat();
      if (assignment !== undefined || before !== `${member.epoch} ${member.owns}`) isQuiet = false;
    }
    if (isQuiet) return round;
  }
  throw new Error(`not settled after ${roundsMax} rounds`);
}

/** What all of them own together, ascending; a partition in two hands is there twice. */
export function ownedByAll(members: readonly TestMember[]): string[] {
  return members.flatMap(({ owns }) => owns).sort();
}
