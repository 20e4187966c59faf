import { engineParts } from '../lib/open-log.ts';
import { run } from './run.ts';
import { verifyLog } from './verify-log.ts';

/** `npm run verify`: checks a whole log read-only. Exit code 1 if anything is wrong. */
await run('npm run verify -- [--topic NAME] [where the log is]', async (open, { topic }, output) => {
  output.progress(`Verifying ${open.name}`);
  const options = topic === undefined ? {} : { topic };
  const { findingCount } = await verifyLog(engineParts(open.storage), options, output);
  return findingCount === 0 ? 0 : 1;
});
