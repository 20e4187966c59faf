import { describe, expect, it } from 'vitest';
import { HERE } from '../../../../lib/group/offsets/vector.ts';
import type { OffsetToCommit } from '../../../../lib/groups.ts';
import { seeded } from '../../client/merged-world.ts';
import { BOTH, GROUP, type GroupWorld, groupWorld } from './group-world.ts';

const TOPIC = 'orders';
const REGIONS = ['us', 'eu'] as const;
type Alias = (typeof REGIONS)[number];

/** A group that is now here, now there, and goes on from whatever is stored there, passing over what that says. */
class Wanderer {
  readonly g: GroupWorld;
  /** Everything that it was ever given. */
  readonly read = new Set<string>();
  /** By value: its region, and its offset there. */
  readonly sequences = new Map<string, { readonly region: Alias; readonly sequence: number }>();

  constructor(g: GroupWorld) {
    this.g = g;
  }

  async produce(region: Alias, count: number): Promise<void> {
    const first = (await this.values(region)).length;
    const values = Array.from({ length: count }, (_, i) => `${region}${first + i}`);
    await this.g.world.produce(region, TOPIC, 0, ...values);
    for (const [i, value] of values.entries()) this.sequences.set(value, { region, sequence: first + i });
  }

  async values(region: Alias): Promise<string[]> {
    return (await this.g.world.records(region, TOPIC)).map((text) => text.slice(text.indexOf(':') + 1));
  }

  async goOn(region: Alias, count: number): Promise<void> {
    const groups = this.g.groups(region);
    const call = this.g.world.call();
    const [stands] = await groups.committed(GROUP, [{ topic: TOPIC, partition: 0 }], call);
    const { offset = 0, vector } = stands ?? {};
    const some = (await this.values(region)).slice(offset, offset + count);
    for (const value of some) if (!this.#isTold(region, value, vector)) this.read.add(value);
    const position: OffsetToCommit = { topic: TOPIC, partition: 0, offset: offset + some.length };
    const offsets = [{ ...position, ...(vector === undefined ? {} : { vector }) }];
    const [result] = await groups.commit({ groupId: GROUP, offsets }, call);
    if (result?.error !== undefined) throw result.error;
  }

  #isTold(here: Alias, value: string, vector: OffsetToCommit['vector']): boolean {
    const { region, sequence } = this.sequences.get(value) ?? { region: here, sequence: -1 };
    return sequence < (vector?.get(region === here ? HERE : region) ?? 0);
  }

  /** ⚑ Whatever a position says has been read, has been read. */
  async check(): Promise<void> {
    for (const region of REGIONS) {
      const here = await this.values(region);
      for (const { position } of await this.g.standing(region)) {
        if (position === undefined) continue;
        expect(position.offset).toBeLessThanOrEqual(here.length);
        const told = [...this.sequences.keys()].filter((value) =>
          this.#isTold(region, value, position.vector),
        );
        const passed = here.slice(0, position.offset);
        expect([...passed, ...told].filter((value) => !this.read.has(value))).toEqual([]);
      }
    }
  }
}

async function wander(seed: number): Promise<Wanderer> {
  const flows = BOTH.map(([target, source]) => [target, source, { policy: 'merged' }] as const);
  const g = await groupWorld(REGIONS, flows);
  await g.world.region('us').log.createTopic({ name: TOPIC, partitionCount: 1 }, g.world.call());
  for (const [target, source] of BOTH) await g.world.run(target, source);
  const wanderer = new Wanderer(g);
  const below = seeded(seed);
  const some = (): Alias => REGIONS[below(2)] ?? 'us';
  for (let turn = 0; turn < 36; turn += 1) {
    const at = some();
    const other = at === 'us' ? 'eu' : 'us';
    switch (below(5)) {
      case 0:
      case 1:
        await wanderer.produce(at, 1 + below(4));
        break;
      case 2:
        await g.world.run(at, other, { idleMs: 0 });
        break;
      case 3:
        await wanderer.goOn(at, below(6));
        break;
      default:
        await g.carry(at, other, 6_000);
    }
    await wanderer.check();
  }
  return wanderer;
}

describe('a group that wanders between regions which both write', () => {
  it.each([1, 2, 3, 4])('has read whatever its positions say, and comes to rest (seed %i)', async (seed) => {
    const { g } = await wander(seed);
    const items = async () => JSON.stringify([await g.standing('us'), await g.standing('eu')]);
    for (let round = 0; round < 2; round += 1) for (const [to, from] of BOTH) await g.carry(to, from, 70_000);
    const rested = await items();
    for (const [to, from] of BOTH) await g.carry(to, from, 70_000);
    expect(await items()).toBe(rested);
    expect(g.world.faults).toEqual([]);
  });
});
