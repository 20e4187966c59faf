const PATTERN =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Days from 1970-01-01 to a date of the Gregorian calendar; `month` from 1. Years are counted from March. */
function daysFrom1970(date: { readonly year: number; readonly month: number; readonly day: number }): number {
  const year = date.month <= 2 ? date.year - 1 : date.year;
  const yearOfEra = year % 400;
  const dayOfYear = Math.floor((153 * ((date.month + 9) % 12) + 2) / 5) + date.day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return Math.floor(year / 400) * 146_097 + dayOfEra - 719_468;
}

/** The date that lies `days` after 1970-01-01. */
function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

/** Milliseconds since 1970 of an RFC 3339 time; undefined if it is none. Finer fractions are cut. */
export function parseTime(text: string): number | undefined {
  const found = PATTERN.exec(text);
  if (found === null) return undefined;
  const at = (index: number): number => Number(found[index] ?? 0);
  const date = { year: at(1), month: at(2), day: at(3) };
  if (date.month < 1 || date.month > 12 || at(4) > 23 || at(5) > 59 || at(6) > 59) return undefined;
  if (at(9) > 23 || at(10) > 59) return undefined;
  const days = daysFrom1970(date);
  if (dateOf(days).day !== date.day) return undefined;
  const fraction = Number((found[7] ?? '').padEnd(3, '0').slice(0, 3));
  const offsetMinutes = (at(9) * 60 + at(10)) * (found[8] === '-' ? -1 : 1);
  const minutes = at(4) * 60 + at(5) - offsetMinutes;
  return days * DAY_MS + minutes * MINUTE_MS + at(6) * 1000 + fraction;
}

const padded = (value: number, width: number): string => String(value).padStart(width, '0');

/** RFC 3339 with milliseconds, UTC, for times from 1970 on. */
export function formatTime(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const { year, month, day } = dateOf(days);
  const inDay = ms - days * DAY_MS;
  const seconds = Math.floor(inDay / 1000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => padded(part, 2))
    .join(':');
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}T${clock}.${padded(inDay % 1000, 3)}Z`;
}
