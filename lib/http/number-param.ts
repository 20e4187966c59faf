import { HttpError, notFound } from './http-error.ts';

const INT32_MAX = 2 ** 31 - 1;

/** The partition number in a path: 404 if it is no number or can be none. */
export function partitionParam(text: string): number {
  if (!/^-?\d+$/.test(text)) throw notFound(404, `'${text}' is not a partition number`);
  const partition = Number(text);
  if (!(partition >= 0 && partition <= INT32_MAX)) throw missingPartition(text);
  return partition;
}

export const missingPartition = (partition: string | number): HttpError =>
  notFound(40402, `Partition ${partition} not found.`);

const badQuery = (message: string): HttpError => new HttpError({ status: 400, restCode: 40002 }, message);

/** A whole number in a query string. 400 with code 40002 if it is none or out of range; undefined if it is missing. */
export function numberQuery(
  query: URLSearchParams,
  name: string,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^-?\d+$/.test(text)) throw badQuery(`${name} must be a whole number`);
  const value = Number(text);
  if (value < range.min || value > range.max) {
    throw badQuery(`${name} must be from ${range.min} to ${range.max}`);
  }
  return value;
}

/** An offset in a query string: out of any log's range is Kafka's OFFSET_OUT_OF_RANGE, not bad syntax. */
export function offsetQuery(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^-?\d+$/.test(text)) throw badQuery(`${name} must be a whole number`);
  const value = Number(text);
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw new HttpError(
    { status: 400, restCode: 40002, kafkaError: 'OFFSET_OUT_OF_RANGE' },
    `${name} ${text} is out of range`,
  );
}

export { badQuery };
