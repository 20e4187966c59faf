import { expect } from 'vitest';
import type { Observation } from '../../lib/storage/observation.ts';
import {
  type Claim,
  caller,
  expectFault,
  expectItem,
  freshName,
  IF_ABSENT,
  ifVersion,
  itemAt,
  noise,
  type OpenTables,
} from './support.ts';

const RACERS = 20;
const MINUTE_MS = 60_000;

/** Conditions, races, fences and observations. */
export function conditionClaims(claim: Claim, tables: () => OpenTables): void {
  claim('a put on a free key is stored, and a consistent get sees it at once', async () => {
    const { hot, catalog } = tables();
    const chunk = itemAt(freshName(), 7, { b: noise(100) });
    const topic = itemAt(freshName(), 'orders', { n: 6 });
    expect(await hot.put(chunk, IF_ABSENT, caller())).toMatchObject({ stored: true });
    expect(await catalog.put(topic, IF_ABSENT, caller())).toMatchObject({ stored: true });
    expectItem((await hot.get(chunk, { consistent: true }, caller())).item, chunk);
    expectItem((await catalog.get(topic, { consistent: true }, caller())).item, topic);
  });

  claim('ifAbsent loses to a standing item and answers all of it, its bytes and expiry too', async () => {
    const { hot } = tables();
    const standing = {
      ...itemAt(freshName(), 0, { b: noise(70_000), t: 'x' }),
      expiresAtSeconds: 4_000_000_000,
    };
    await hot.put(standing, IF_ABSENT, caller());
    const loser = itemAt(standing.pk, 0, { b: noise(10) });
    const answer = await hot.put(loser, IF_ABSENT, caller());
    if (answer.stored) expect.unreachable('the key was taken');
    else expectItem(answer.standing, standing);
    expectItem((await hot.get(standing, { consistent: true }, caller())).item, standing);
  });

  claim('the same put sent twice loses to its own version', async () => {
    const { hot } = tables();
    const item = itemAt(freshName(), 1);
    await hot.put(item, IF_ABSENT, caller());
    expect(await hot.put(item, IF_ABSENT, caller())).toMatchObject({
      stored: false,
      standing: { version: item.version },
    });
  });

  claim('ifVersion replaces the whole item, and nothing of the old one stays', async () => {
    const { catalog } = tables();
    const old = { ...itemAt(freshName(), 'k', { a: 1, b: noise(9) }), expiresAtSeconds: 4_000_000_000 };
    await catalog.put(old, IF_ABSENT, caller());
    const next = itemAt(old.pk, 'k', { c: 'new' });
    expect(await catalog.put(next, ifVersion(old.version), caller())).toMatchObject({ stored: true });
    expectItem((await catalog.get(next, { consistent: true }, caller())).item, next);
  });

  claim('ifVersion loses to another version and answers the item that has it', async () => {
    const { catalog } = tables();
    const standing = itemAt(freshName(), 'k', { a: 1 });
    await catalog.put(standing, IF_ABSENT, caller());
    const answer = await catalog.put(itemAt(standing.pk, 'k'), ifVersion('another'), caller());
    if (answer.stored) expect.unreachable('the version was another');
    else expectItem(answer.standing, standing);
  });

  claim('ifVersion loses on an absent item, with nothing standing', async () => {
    const { catalog } = tables();
    const item = itemAt(freshName(), 'k');
    const answer = await catalog.put(item, ifVersion(item.version), caller());
    expect(answer).toMatchObject({ stored: false });
    expect(answer.stored ? 'stored' : answer.standing).toBeUndefined();
    expect((await catalog.get(item, { consistent: true }, caller())).item).toBeUndefined();
  });

  claim('a version from before a delete and re-create no longer counts', async () => {
    const { catalog } = tables();
    const first = itemAt(freshName(), 'k');
    await catalog.put(first, IF_ABSENT, caller());
    await catalog.delete(first, { ifVersion: first.version }, caller());
    const second = itemAt(first.pk, 'k');
    await catalog.put(second, IF_ABSENT, caller());
    expect(await catalog.put(itemAt(first.pk, 'k'), ifVersion(first.version), caller())).toMatchObject({
      stored: false,
      standing: { version: second.version },
    });
  });

  claim('of twenty puts on one free key at once exactly one is stored, and the others see it', async () => {
    const { hot } = tables();
    const pk = freshName();
    const racers = Array.from({ length: RACERS }, (_, n) => itemAt(pk, 5, { n, b: noise(500) }));
    const answers = await Promise.all(racers.map((item) => hot.put(item, IF_ABSENT, caller())));
    const winner = racers[answers.findIndex((answer) => answer.stored)];
    expect(answers.filter((answer) => answer.stored)).toHaveLength(1);
    for (const answer of answers) {
      if (!answer.stored) expect(answer.standing?.version).toBe(winner?.version);
    }
  });

  claim('of twenty replacements of one version at once exactly one is stored', async () => {
    const { catalog } = tables();
    const base = itemAt(freshName(), 'k');
    await catalog.put(base, IF_ABSENT, caller());
    const racers = Array.from({ length: RACERS }, (_, n) => itemAt(base.pk, 'k', { n }));
    const answers = await Promise.all(
      racers.map((item) => catalog.put(item, ifVersion(base.version), caller())),
    );
    const winner = racers[answers.findIndex((answer) => answer.stored)];
    expect(answers.filter((answer) => answer.stored)).toHaveLength(1);
    expect((await catalog.get(base, { consistent: true }, caller())).item?.version).toBe(winner?.version);
  });

  claim('puts on different keys at once do not disturb each other', async () => {
    const { hot } = tables();
    const pk = freshName();
    const items = Array.from({ length: RACERS }, (_, n) => itemAt(pk, n, { b: noise(n) }));
    const answers = await Promise.all(items.map((item) => hot.put(item, IF_ABSENT, caller())));
    expect(answers.every((answer) => answer.stored)).toBe(true);
    const page = await hot.query(pk, { limit: 100, consistent: true }, caller());
    expect(page.items.map((item) => item.version)).toEqual(items.map((item) => item.version));
  });

  claim('a delete with the right version removes the item, once', async () => {
    const { hot } = tables();
    const item = itemAt(freshName(), 3);
    await hot.put(item, IF_ABSENT, caller());
    const answers = await Promise.all(
      Array.from({ length: RACERS }, () => hot.delete(item, { ifVersion: item.version }, caller())),
    );
    expect(answers.filter(({ deleted }) => deleted)).toHaveLength(1);
    expect((await hot.get(item, { consistent: true }, caller())).item).toBeUndefined();
  });

  claim('a delete with another version, or of nothing, changes nothing', async () => {
    const { catalog } = tables();
    const item = itemAt(freshName(), 'k');
    await catalog.put(item, IF_ABSENT, caller());
    expect(await catalog.delete(item, { ifVersion: 'another' }, caller())).toEqual({ deleted: false });
    expect(await catalog.delete({ pk: item.pk, sk: 'none' }, { ifVersion: 'x' }, caller())).toEqual({
      deleted: false,
    });
    expectItem((await catalog.get(item, { consistent: true }, caller())).item, item);
  });

  claim('an item past its expiry is not hidden: it is read, listed and stands in the way', async () => {
    const { hot } = tables();
    const expired = { ...itemAt(freshName(), 0), expiresAtSeconds: Math.floor(Date.now() / 1_000) - 3_600 };
    await hot.put(expired, IF_ABSENT, caller());
    expectItem((await hot.get(expired, { consistent: true }, caller())).item, expired);
    expect((await hot.query(expired.pk, { limit: 1, consistent: true }, caller())).items).toHaveLength(1);
    expect(await hot.put(itemAt(expired.pk, 0), IF_ABSENT, caller())).toMatchObject({ stored: false });
  });

  claim('a put whose fence has passed is not sent', async () => {
    const { hot } = tables();
    const now = { sentWallMs: Date.now(), sentMonotonicMs: performance.now() };
    const fresh = { observation: now, ageMsMax: MINUTE_MS };
    const byWall = {
      observation: { ...now, sentWallMs: now.sentWallMs - 2 * MINUTE_MS },
      ageMsMax: MINUTE_MS,
    };
    const byMonotonic = {
      observation: { ...now, sentMonotonicMs: now.sentMonotonicMs - 2 * MINUTE_MS },
      ageMsMax: MINUTE_MS,
    };
    const item = itemAt(freshName(), 0);
    await expectFault(hot.put(item, { ...IF_ABSENT, fences: [byWall] }, caller()), 'fenced');
    await expectFault(hot.put(item, { ...IF_ABSENT, fences: [fresh, byMonotonic] }, caller()), 'fenced');
    expect((await hot.get(item, { consistent: true }, caller())).item).toBeUndefined();
    expect(await hot.put(item, { ...IF_ABSENT, fences: [fresh] }, caller())).toMatchObject({ stored: true });
  });

  claim('every answer says when its request was sent', async () => {
    const { catalog } = tables();
    const item = itemAt(freshName(), 'k');
    const requests = [
      () => catalog.put(item, IF_ABSENT, caller()),
      () => catalog.put(itemAt(item.pk, 'k'), IF_ABSENT, caller()),
      () => catalog.get(item, { consistent: true }, caller()),
      () => catalog.query(item.pk, { limit: 1, consistent: true }, caller()),
    ];
    for (const request of requests) {
      const from = { wallMs: Date.now(), monotonicMs: performance.now() };
      const { observation } = await request();
      expectSentBetween(observation, from, { wallMs: Date.now(), monotonicMs: performance.now() });
    }
  });
}

interface Readings {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

function expectSentBetween(observation: Observation, from: Readings, to: Readings): void {
  expect(observation.sentWallMs).toBeGreaterThanOrEqual(from.wallMs);
  expect(observation.sentWallMs).toBeLessThanOrEqual(to.wallMs);
  expect(observation.sentMonotonicMs).toBeGreaterThanOrEqual(from.monotonicMs);
  expect(observation.sentMonotonicMs).toBeLessThanOrEqual(to.monotonicMs);
}
