import { memoryBucket, memoryTable } from '../../lib/adapters/memory/index.ts';
import { systemClock } from '../../lib/adapters/system/index.ts';
import { describeBucketContract } from './bucket-contract.ts';
import { describeTableContract } from './table-contract.ts';

const clock = systemClock();

describeTableContract('memory', () => ({
  hot: memoryTable<number>({ clock }),
  catalog: memoryTable<string>({ clock }),
  close: () => undefined,
}));

describeBucketContract('memory', () => ({ bucket: memoryBucket({ clock }), close: () => undefined }));
