import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { withLocalLog } from '../ops/local-log.ts';

/** Whatever text a group is called, and its members. */
const NAMES = [
  '\u0000',
  'a\u0000b',
  'a',
  'A',
  'å',
  'a\u030A',
  '#',
  'group',
  'm#a',
  '\u{1F980}',
  '\uFFFF',
  '\uFEFF',
  '%00',
  "'; DROP TABLE catalog; --",
  '__proto__',
  ' ',
  '\n',
  'x'.repeat(255),
];

describe('groups and members of any name, on the store of a local node', () => {
  it('are kept apart, and come back when it is opened again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-groups-'));
    try {
      await withLocalLog(dataDir, async ({ storage, log, call, produce }) => {
        const groups = openGroups(engineParts(storage), log);
        await log.createTopic({ name: 'orders' }, call());
        for (const name of NAMES) await produce('orders', name);
        for (const [offset, groupId] of NAMES.entries()) {
          const joining = { groupId, memberId: groupId, memberEpoch: 0, owned: [] };
          const subscription = { topics: ['orders'] };
          const { memberEpoch } = await groups.heartbeat({ ...joining, subscription }, call());
          const member = { memberId: groupId, memberEpoch };
          const places = [{ topic: 'orders', partition: 0 }];
          await groups.takeOver({ groupId, ...member, places }, call());
          const offsets = [{ topic: 'orders', partition: 0, offset, metadata: groupId }];
          const [result] = await groups.commit({ groupId, member, offsets }, call());
          expect(result).toEqual({ topic: 'orders', partition: 0 });
        }
      });
      await withLocalLog(dataDir, async ({ storage, log, call }) => {
        const groups = openGroups(engineParts(storage), log);
        const listed = (await groups.list(call())).map(({ groupId }) => groupId);
        expect(listed).toEqual([...NAMES].sort());
        for (const [offset, groupId] of NAMES.entries()) {
          const found = await groups.committed(groupId, undefined, call());
          expect(found).toMatchObject([{ offset, metadata: groupId }]);
          const { members } = await groups.describe(groupId, call());
          expect(members.map(({ memberId }) => memberId)).toEqual([groupId]);
        }
      });
    } finally {
      await rm(dataDir, { recursive: true });
    }
  });
});
