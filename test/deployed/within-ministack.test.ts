import { describeWithinContract, type OpenEmulator } from '../contract/within-contract.ts';
import { createTables } from '../tools/aws-storage.ts';
import { startMinistack } from '../tools/ministack.ts';

const MISTAKE = "is the caller's mistake, and nothing is stored: ";

const connect = async (): Promise<OpenEmulator> => {
  const server = await startMinistack({ auth: true, tls: false });
  const tables = await createTables(server.endpoint);
  return {
    ...tables,
    close: async () => {
      tables.close();
      await server.stop();
    },
  };
};

describeWithinContract('MiniStack', connect, {
  [`${MISTAKE}an expression that is none`]: 'MiniStack takes an unknown verb for nothing to do',
  [`${MISTAKE}a key of another table`]: 'MiniStack does not compare the keys of a delete with the table',
});
