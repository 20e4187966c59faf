import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteTables } from '../../lib/adapters/sqlite/index.ts';
import { systemClock } from '../../lib/adapters/system/index.ts';
import { describeTableContract } from './table-contract.ts';

describeTableContract(
  'SQLite',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'));
    const tables = openSqliteTables({ path: join(folder, 'millrace.db'), clock: systemClock() });
    return {
      ...tables,
      close: () => {
        tables.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
  { exactBillingBytesMax: 8_192 },
);
