import { StorageFault, type StorageFaultKind } from '../../storage/fault.ts';

const KINDS: Readonly<Record<string, StorageFaultKind>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'refused',
  EACCES: 'refused',
  EPERM: 'refused',
  ENOTDIR: 'refused',
  EISDIR: 'refused',
  // A file stands where a folder is wanted.
  EEXIST: 'refused',
  ENAMETOOLONG: 'refused',
};

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A fault for what the file system said; anything else is passed on. A write that failed for another reason may be there. */
export function fileFault(
  error: unknown,
  context: { readonly doing: string; readonly writes?: boolean },
): unknown {
  const code = errorCode(error);
  if (code === undefined || !(error as NodeJS.ErrnoException).syscall) return error;
  const kind = KINDS[code] ?? 'interrupted';
  return new StorageFault(kind, `could not ${context.doing}: ${(error as Error).message}`, {
    cause: error,
    mayHaveHappened: context.writes === true && kind === 'interrupted',
  });
}
