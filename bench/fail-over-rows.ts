import type { Codecs } from '../lib/record/index.ts';
import {
  LAG_MS,
  type MovingScene,
  openScene,
  RECORDS_PER_SECOND,
  type ReadingGroup,
  TOPIC,
} from './moving-group.ts';
import type { Row } from './row.ts';

const LIFE_MS = 60_000;
/** After it positions have come over (`PAUSE_MS_MAX` of the groups' errand, and a run of the replicator). */
const CARRIED_MS = 70_000;
/** A group with members reads all there is. */
const READING_MS = 45_000;
const COMMIT_MS = 5_000;
/** A group that commits is looked at as often, between two runs. */
const CARRY_MS = 10_000;

/** A group of eight members goes on in another region: what it is not given at all, and what it is given again. */
export async function failOverRows(codecs: Codecs): Promise<Row[]> {
  return [
    await movedRow(codecs, 'prefixed', true),
    await lostRow(codecs, 'prefixed'),
    await movedRow(codecs, 'merged', true),
    await movedRow(codecs, 'merged', false),
    await lostRow(codecs, 'merged'),
  ];
}

type Policy = 'prefixed' | 'merged';

const topicIn = (policy: Policy): string => (policy === 'merged' ? TOPIC : `west.${TOPIC}`);

/** The group is stopped in the west and joins in the east when its positions are there; producers go on all the time. */
async function movedRow(codecs: Codecs, policy: Policy, readsVectors: boolean): Promise<Row> {
  const scene = await openScene(codecs, policy);
  const before = scene.join(scene.west, TOPIC, { readsVectors });
  await scene.clock.sleep(LIFE_MS);
  await before.close();
  await scene.clock.sleep(CARRIED_MS);
  const counts = await goOn(scene, { policy, before, readsVectors });
  // Behind the position that holds for offsets alone is only what was on its way when the group stopped.
  const repeatedMax = policy === 'merged' && !readsVectors ? inFlight(LAG_MS) : 0;
  const whose = readsVectors ? '' : ', clients without vectors';
  return rowOf(`a group of 8 members moves, ${policy}${whose}`, counts, repeatedMax);
}

/** The west is lost: nobody there commits any more, nor is anything copied. */
async function lostRow(codecs: Codecs, policy: Policy): Promise<Row> {
  const scene = await openScene(codecs, policy);
  const before = scene.join(scene.west, TOPIC, { readsVectors: true });
  await scene.clock.sleep(LIFE_MS);
  scene.loseWest();
  before.die();
  await scene.clock.sleep(CARRIED_MS);
  const counts = await goOn(scene, { policy, before, readsVectors: true });
  const regions = policy === 'merged' ? 2 : 1;
  const repeatedMax = regions * inFlight(COMMIT_MS + CARRY_MS + LAG_MS);
  return rowOf(`a group of 8 members, whose region is lost, ${policy}`, counts, repeatedMax);
}

const inFlight = (ms: number): number => (RECORDS_PER_SECOND * ms) / 1_000;

interface Counts {
  readonly there: number;
  readonly lost: number;
  readonly repeated: number;
}

async function goOn(
  scene: MovingScene,
  moved: { readonly policy: Policy; readonly before: ReadingGroup; readonly readsVectors: boolean },
): Promise<Counts> {
  const { policy, before, readsVectors } = moved;
  const after = scene.join(scene.east, topicIn(policy), { readsVectors });
  await scene.clock.sleep(READING_MS);
  await scene.stopProducing();
  await scene.clock.sleep(READING_MS);
  await after.close();
  const there = await scene.east.values(topicIn(policy));
  await scene.stop();
  const given = [...before.read, ...after.read];
  const distinct = new Set(given);
  return {
    there: there.length,
    lost: there.filter((value) => !distinct.has(value)).length,
    repeated: given.length - distinct.size,
  };
}

function rowOf(what: string, { there, lost, repeated }: Counts, repeatedMax: number): Row {
  return {
    what,
    bar: `0 lost; <= ${repeatedMax} repeated`,
    measured: `${lost} lost, ${repeated} repeated of ${there}`,
    isMet: there > 500 && lost === 0 && repeated <= repeatedMax,
  };
}
