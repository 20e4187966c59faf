import { MillraceError } from '../lib/errors.ts';
import { StorageFault } from '../lib/storage/fault.ts';
import { type Arguments, PLACE_HELP, readArguments } from './arguments.ts';
import { type OpenStorage, openStorage } from './open-storage.ts';
import type { Output } from './verify-log.ts';

/**
 * A command on a log's storage: 0 when all is well, 1 when the work says otherwise, 2 when it could not be done, with one
 * line that says why.
 */
export async function run(
  usage: string,
  work: (open: OpenStorage, args: Arguments, output: Output) => Promise<number>,
): Promise<void> {
  try {
    const args = readArguments(process.argv.slice(2), process.env);
    if (args.help) {
      console.log(`${usage}\n\n${PLACE_HELP}`);
      return;
    }
    const open = await openStorage(args.place);
    try {
      process.exitCode = await work(open, args, { line: console.log, progress: console.error });
    } finally {
      open.close();
    }
  } catch (error) {
    const isTold = error instanceof MillraceError || error instanceof StorageFault || isUsage(error);
    console.error(isTold ? `millrace: ${(error as Error).message}` : error);
    process.exitCode = 2;
  }
}

/** `parseArgs` refuses what it does not know; ours say what is missing. */
function isUsage(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.constructor === Error);
}
