import { StorageFault, type StorageFaultKind } from '../../storage/fault.ts';

/** Primary result codes (https://www.sqlite.org/rescode.html); node:sqlite tells the extended one as `errcode`. */
const KINDS: Readonly<Record<number, StorageFaultKind>> = {
  3: 'refused', // PERM
  5: 'interrupted', // BUSY
  6: 'interrupted', // LOCKED
  7: 'interrupted', // NOMEM
  8: 'refused', // READONLY
  10: 'interrupted', // IOERR
  11: 'damaged', // CORRUPT
  13: 'full', // FULL
  14: 'refused', // CANTOPEN
  18: 'full', // TOOBIG
  23: 'refused', // AUTH
  26: 'damaged', // NOTADB
};

const BUSY = 5;
const NOT_A_DATABASE = 26;
const IO_ERROR = 10;

/** SQLite's primary result code, or undefined if the error is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}

/**
 * A fault for what SQLite threw; anything else is passed on. Only an I/O error of a COMMIT leaves the outcome open: its
 * frames may be in the log without having been synced, and a crash would find them.
 */
export function sqliteFault(
  error: unknown,
  context: { readonly doing: string; readonly committing?: boolean },
): unknown {
  if (error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE') {
    return new StorageFault('refused', 'the store is closed', { cause: error });
  }
  const code = resultCode(error);
  if (code === undefined) return error;
  return new StorageFault(
    KINDS[code] ?? 'refused',
    `SQLite failed to ${context.doing}: ${(error as Error).message}`,
    {
      cause: error,
      mayHaveHappened: context.committing === true && code === IO_ERROR,
    },
  );
}

/** As `sqliteFault`, for opening: says which directory, and what can be done about it. */
export function openingFault(error: unknown, directory: string): unknown {
  const code = resultCode(error);
  if (code === BUSY) {
    return new StorageFault(
      'refused',
      `another process is using the data directory ${directory}: stop it, or choose another directory`,
      { cause: error },
    );
  }
  if (code === NOT_A_DATABASE) {
    return new StorageFault(
      'refused',
      `the data directory ${directory} holds something else than a Millrace store`,
      {
        cause: error,
      },
    );
  }
  // An I/O error is what a database without the right to write looks like when it is to be locked.
  if (code !== undefined && (code === IO_ERROR || KINDS[code] === 'refused')) {
    return new StorageFault(
      'refused',
      `the data directory ${directory} cannot be written: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return sqliteFault(error, { doing: `open the store in ${directory}` });
}
