import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Deployed, ROOT } from './deployed.ts';

export interface Told {
  readonly exitCode: number;
  readonly output: string;
}

const ROOT_FOLDER = fileURLToPath(new URL('../../..', import.meta.url));
const COMMAND_MS_MAX = 240_000;

/** `npm run region -- …` as an operator calls it, with the account's own key. */
export function regionCommand(
  { caFile, region }: Pick<Deployed, 'caFile' | 'region'>,
  args: readonly string[],
): Promise<Told> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      // No host of API Gateway's would tell what to sign for.
      ['ops/region.ts', ...args, '--sign', region],
      {
        cwd: ROOT_FOLDER,
        timeout: COMMAND_MS_MAX,
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
          AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
          NODE_EXTRA_CA_CERTS: caFile,
        },
      },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : error.code;
        if (typeof exitCode !== 'number') reject(error ?? new Error('it ended without a code'));
        else resolve({ exitCode, output: `${stdout}${stderr}` });
      },
    );
  });
}
