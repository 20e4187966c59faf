/** One line of the benchmark's table. */
export interface Row {
  readonly what: string;
  readonly bar: string;
  readonly measured: string;
  readonly isMet: boolean;
}

export function printTable(rows: readonly Row[]): void {
  const width = (pick: (row: Row) => string, title: string): number =>
    Math.max(title.length, ...rows.map((row) => pick(row).length));
  const whatWidth = width((row) => row.what, 'what');
  const barWidth = width((row) => row.bar, 'bar');
  const measuredWidth = width((row) => row.measured, 'measured');
  const line = (what: string, bar: string, measured: string, mark: string): string =>
    `| ${what.padEnd(whatWidth)} | ${bar.padEnd(barWidth)} | ${measured.padEnd(measuredWidth)} | ${mark} |`;
  console.log(line('what', 'bar', 'measured', '  '));
  console.log(line('-'.repeat(whatWidth), '-'.repeat(barWidth), '-'.repeat(measuredWidth), '--'));
  for (const row of rows) console.log(line(row.what, row.bar, row.measured, row.isMet ? 'ok' : 'NO'));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
