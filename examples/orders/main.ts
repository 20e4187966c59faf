import { parseArgs } from 'node:util';
import { problemsOf, readAccounts } from './audit.ts';
import { startEmulator } from './emulator.ts';
import { play } from './play.ts';
import { proofLines } from './report.ts';
import { setUp } from './set-up.ts';

const USAGE = `Two shops place orders, two projections sum up what customers spend, and all of them are killed again and again.

  npm run example:orders -- [--endpoint URL | --dynamodb-local] [--orders N] [--kills N]

  --endpoint URL     a running emulator of DynamoDB; without it MiniStack is started
  --dynamodb-local   start Amazon's DynamoDB Local instead (needs Java and Maven)
  --orders N         of each shop (default 80)
  --kills N          in all (default 10)`;

/** Answers whether everything fits. */
async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      endpoint: { type: 'string' },
      'dynamodb-local': { type: 'boolean', default: false },
      orders: { type: 'string', default: '80' },
      kills: { type: 'string', default: '10' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  const { endpoint } = values;
  const emulator = await startEmulator({
    ...(endpoint === undefined ? {} : { endpoint }),
    dynamodbLocal: values['dynamodb-local'],
  });
  try {
    const scene = await setUp(emulator.endpoint);
    console.log(`Orders and their events, on ${emulator.name}\n`);
    const disturbances = await play(scene, { orders: Number(values.orders), kills: Number(values.kills) });
    const accounts = await readAccounts(scene);
    console.log(proofLines(accounts, disturbances).join('\n'));
    return problemsOf(accounts).length === 0;
  } finally {
    await emulator.stop();
  }
}

process.exitCode = (await main()) ? 0 : 1;
