import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryBucket } from '../../lib/adapters/directory/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import { describeBucketContract } from './bucket-contract.ts';

describeBucketContract('a directory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-directory-'));
  return {
    bucket: openDirectoryBucket({
      path: join(folder, 'objects'),
      clock: systemClock(),
      random: systemRandom(),
    }),
    close: () => rmSync(folder, { recursive: true }),
  };
});
