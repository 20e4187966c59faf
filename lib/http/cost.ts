import { dollarsOf, type Meter } from '../storage/meter.ts';

const figure = (amount: number): string =>
  Number.isInteger(amount) ? String(amount) : amount.toFixed(6).replace(/0+$/, '');

/**
 * `X-Millrace-Cost`: what the request used, or would have used on AWS. Requests that share a write share its price, so
 * figures may be fractions.
 */
export function costOf(meter: Meter): string {
  const { usage } = meter;
  const s3Requests = usage.objectPuts + usage.objectGets + usage.objectLists + usage.objectDeletes;
  const dollars = dollarsOf(usage);
  const price = dollars === 0 ? '0' : dollars.toFixed(12).replace(/0+$/, '');
  return `write-units=${figure(usage.writeUnits)}, read-units=${figure(usage.readUnits)}, s3-requests=${figure(s3Requests)}, dollars=${price}`;
}
