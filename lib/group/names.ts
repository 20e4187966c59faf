import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { utf8Bytes } from '../storage/units.ts';

/** INVALID_GROUP_ID unless it is 1 to 255 bytes of well-formed text; any character will do. */
export function checkGroupId(groupId: string): void {
  if (isName(groupId, LIMITS.groupIdBytesMax)) return;
  const message = `A group id is 1 to ${LIMITS.groupIdBytesMax} bytes of well-formed text`;
  throw new MillraceError('INVALID_GROUP_ID', message);
}

/** INVALID_REQUEST, as for group ids. */
export function checkMemberId(memberId: string): void {
  checkName(memberId, 'member id');
}

/** INVALID_REQUEST, as for group ids. */
export function checkInstanceId(instanceId: string): void {
  checkName(instanceId, 'group instance id');
}

/** INVALID_REQUEST, as for group ids. */
export function checkName(name: string, what: string): void {
  if (isName(name, LIMITS.memberIdBytesMax)) return;
  const message = `A ${what} is 1 to ${LIMITS.memberIdBytesMax} bytes of well-formed text`;
  throw new MillraceError('INVALID_REQUEST', message);
}

function isName(name: string, bytesMax: number): boolean {
  return name !== '' && name.length <= bytesMax && utf8Bytes(name) <= bytesMax && name.isWellFormed();
}
