import { describeWithinContract } from '../contract/within-contract.ts';
import { createTables, type EmulatedTables } from '../tools/aws-storage.ts';
import { startMinistack } from '../tools/ministack.ts';

const MISTAKE = "is the caller's mistake, and nothing is stored: ";

const connect = async (): Promise<EmulatedTables> => {
  const server = await startMinistack({ auth: true, tls: false });
  const tables = await createTables(server.endpoint);
  return {
    ...tables,
    close: () => {
      tables.close();
      void server.stop();
    },
  };
};

describeWithinContract('MiniStack', connect, {
  [`${MISTAKE}an expression that is none`]: 'MiniStack takes an unknown verb for nothing to do',
  [`${MISTAKE}a key of another table`]: 'MiniStack does not compare the keys of a delete with the table',
});
