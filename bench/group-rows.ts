import type { AssignedTopic, Groups, HeartbeatAnswer } from '../lib/groups.ts';
import { LIMITS } from '../lib/limits.ts';
import type { Log } from '../lib/log.ts';
import { openGroups } from '../lib/open-groups.ts';
import { openLog } from '../lib/open-log.ts';
import type { Codecs } from '../lib/record/index.ts';
import type { Call } from '../lib/storage/call.ts';
import { Meter, type Usage } from '../lib/storage/meter.ts';
import type { Table } from '../lib/storage/table.ts';
import { itemBytes } from '../lib/storage/units.ts';
import { measure, REQUEST_MS } from './exact.ts';
import type { Row } from './row.ts';
import { type VirtualStorage, virtualStorage } from './virtual-storage.ts';

const GROUP = 'flights';
const SESSION_MS = LIMITS.sessionTimeoutMsDefault;
const BEAT_MS = LIMITS.heartbeatIntervalMsDefault;
const MINUTE_MS = 60_000;

/** What consumer groups cost, and how fast they get over a death: counted on virtual time. */
export async function groupRows(codecs: Codecs): Promise<Row[]> {
  return [await idleBeats(codecs), await silentDeath(codecs), await manyMembers(codecs)];
}

interface Scene {
  readonly storage: VirtualStorage;
  readonly log: Log;
  readonly groups: Groups;
  /** Of any item that was put into the catalog, bytes. */
  readonly largestItem: () => number;
  readonly newCall: () => Call & { readonly meter: Meter };
}

async function openScene(codecs: Codecs, partitionCount: number): Promise<Scene> {
  const storage = virtualStorage(codecs, 1, { tableMs: REQUEST_MS, bucketMs: REQUEST_MS, varies: false });
  let largest = 0;
  const catalog: Table<string> = {
    ...storage.parts.catalog,
    put: (item, options, call) => {
      largest = Math.max(largest, itemBytes(item));
      return storage.parts.catalog.put(item, options, call);
    },
  };
  const parts = { ...storage.parts, catalog };
  const { answer: log } = await measure(storage, (call) => openLog(parts, call));
  await measure(storage, (call) => log.createTopic({ name: 't', partitionCount }, call));
  return {
    storage,
    log,
    groups: openGroups(parts, log),
    largestItem: () => largest,
    newCall: () => ({ meter: new Meter(), deadlineMs: storage.scheduler.nowMs + MINUTE_MS }),
  };
}

/** A client as KIP-848 wants it: it reports what it owns whenever that changed, and takes over what is new to it. */
class BenchMember {
  readonly #scene: Scene;
  readonly memberId: string;
  readonly onTaken: (partition: number, atMs: number) => void;
  memberEpoch = 0;
  owned: readonly AssignedTopic[] = [];
  isAlive = true;
  #reports = true;

  constructor(scene: Scene, memberId: string, onTaken: BenchMember['onTaken'] = () => undefined) {
    this.#scene = scene;
    this.memberId = memberId;
    this.onTaken = onTaken;
  }

  get partitions(): readonly number[] {
    return this.owned.flatMap(({ partitions }) => partitions);
  }

  async beat(): Promise<Usage> {
    const call = this.#scene.newCall();
    const { memberId, memberEpoch } = this;
    const answer = await this.#scene.groups.heartbeat(
      {
        groupId: GROUP,
        memberId,
        memberEpoch,
        ...(memberEpoch === 0 ? { subscription: { topics: ['t'] } } : {}),
        ...(this.#reports ? { owned: this.owned } : {}),
      },
      call,
    );
    this.#reports = false;
    this.memberEpoch = answer.memberEpoch;
    if (answer.assignment !== undefined) await this.#assign(answer, answer.assignment);
    return call.meter.usage;
  }

  async #assign(answer: HeartbeatAnswer, assignment: readonly AssignedTopic[]): Promise<void> {
    const had = new Set(this.partitions);
    this.owned = assignment;
    this.#reports = true;
    const places = this.partitions
      .filter((partition) => !had.has(partition))
      .map((partition) => ({ topic: 't', partition }));
    if (places.length === 0) return;
    const { memberId } = this;
    const request = { groupId: GROUP, memberId, memberEpoch: answer.memberEpoch, places };
    const taken = await this.#scene.groups.takeOver(request, this.#scene.newCall());
    for (const { partition, error } of taken) {
      if (error !== undefined) throw error;
      this.onTaken(partition, this.#scene.storage.scheduler.nowMs);
    }
  }

  async live(untilMs: () => number): Promise<void> {
    const { scheduler } = this.#scene.storage;
    while (this.isAlive && scheduler.nowMs < untilMs()) {
      await this.beat();
      await scheduler.sleep(BEAT_MS);
    }
  }
}

/** Lets members beat, each at its own moment within the interval, for so long. */
async function letLive(scene: Scene, members: readonly BenchMember[], forMs: number): Promise<void> {
  const { scheduler } = scene.storage;
  await measure(scene.storage, async () => {
    const untilMs = scheduler.nowMs + forMs;
    await Promise.all(
      members.map(async (member, index) => {
        await scheduler.sleep((index * BEAT_MS) / members.length);
        await member.live(() => untilMs);
      }),
    );
  });
}

async function settledMembers(scene: Scene, count: number): Promise<BenchMember[]> {
  const members = Array.from({ length: count }, (_, index) => new BenchMember(scene, `member-${index}`));
  await letLive(scene, members, MINUTE_MS);
  return members;
}

async function idleBeats(codecs: Codecs): Promise<Row> {
  const scene = await openScene(codecs, 64);
  const members = await settledMembers(scene, 8);
  const [watched, ...others] = members;
  if (watched === undefined) throw new Error('there is no member');
  const { scheduler } = scene.storage;
  const beats: Usage[] = [];
  await measure(scene.storage, async () => {
    const untilMs = scheduler.nowMs + 9 * MINUTE_MS;
    const living = others.map((member) => member.live(() => untilMs));
    while (scheduler.nowMs < untilMs) {
      beats.push(await watched.beat());
      await scheduler.sleep(BEAT_MS);
    }
    await Promise.all(living);
  });
  const quiet = beats.filter(({ tableWrites }) => tableWrites === 0);
  const writing = beats.filter(({ tableWrites }) => tableWrites > 0);
  const reads = quiet.filter(({ tableReads }) => tableReads !== 1).length;
  const units = Math.max(...writing.map(({ writeUnits }) => writeUnits));
  const secondsPerWrite = (9 * 60) / writing.length;
  const readUnits = Math.max(
    ...quiet.filter(({ tableReads }) => tableReads === 1).map((usage) => usage.readUnits),
  );
  return {
    what: 'heartbeat with nothing to change, 8 members, 64 partitions',
    bar: `1 read; 1 write of 1 WU at most every ${SESSION_MS / 3000} s`,
    measured: `1 read of ${readUnits} RU (${reads} of ${beats.length} looked at the topics too), 1 write of ${units} WU every ${secondsPerWrite.toFixed(0)} s`,
    isMet:
      // Once a minute a process looks whether topics have changed.
      reads <= 10 &&
      units === 1 &&
      secondsPerWrite >= SESSION_MS / 3000 &&
      writing.every((usage) => usage.tableWrites === 1),
  };
}

async function silentDeath(codecs: Codecs): Promise<Row> {
  const scene = await openScene(codecs, 64);
  const members = await settledMembers(scene, 8);
  const [dying, ...others] = members;
  if (dying === undefined) throw new Error('there is no member');
  const orphans = new Set(dying.partitions);
  const before = new Map(others.map((member) => [member, member.partitions]));
  const takenMs = new Map<number, number>();
  const watching = others.map((member) => {
    const watched = new BenchMember(scene, member.memberId, (partition, atMs) =>
      takenMs.set(partition, atMs),
    );
    watched.memberEpoch = member.memberEpoch;
    watched.owned = member.owned;
    return watched;
  });
  await measure(scene.storage, () => dying.beat());
  const diedMs = scene.storage.scheduler.nowMs;
  await letLive(scene, watching, SESSION_MS + 4 * BEAT_MS);
  const lastMs = Math.max(...[...orphans].map((partition) => (takenMs.get(partition) ?? Infinity) - diedMs));
  const kept = others.every((member, index) =>
    before.get(member)?.every((partition) => watching[index]?.partitions.includes(partition)),
  );
  const moves = takenMs.size;
  const limitMs = SESSION_MS + 2 * BEAT_MS;
  return {
    what: 'silent death, 8 members, 64 partitions: until every orphan is taken over',
    bar: `<= session + 2 heartbeats = ${limitMs / 1000} s; only orphans move`,
    measured: `${(lastMs / 1000).toFixed(1)} s; ${orphans.size} orphans, ${moves} moves`,
    isMet: lastMs <= limitMs && moves === orphans.size && kept,
  };
}

async function manyMembers(codecs: Codecs): Promise<Row> {
  const scene = await openScene(codecs, 1_000);
  const members = Array.from({ length: 1_000 }, (_, index) => new BenchMember(scene, `member-${index}`));
  const meter = new Meter();
  await measure(scene.storage, async () => {
    for (const member of members) meter.add(await member.beat(), 1);
  });
  for (let round = 0; round < 6; round += 1) {
    await measure(scene.storage, async () => {
      for (const member of members) meter.add(await member.beat(), 1);
    });
  }
  const owners = new Set(members.flatMap(({ partitions }) => partitions));
  const each = members.every(({ partitions }) => partitions.length === 1);
  const { writeUnits, readUnits } = meter.usage;
  return {
    what: 'group of 1,000 members, 1,000 partitions: joins and six rounds of heartbeats',
    bar: 'one partition each; largest item < 100 KB',
    measured: `${owners.size} partitions owned, largest item ${(scene.largestItem() / 1000).toFixed(1)} KB; ${Math.round(writeUnits)} WU, ${Math.round(readUnits)} RU`,
    isMet: each && owners.size === 1_000 && scene.largestItem() < LIMITS.groupItemBytesMax,
  };
}
