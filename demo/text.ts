/** What the reports of the demo are written with. */

const DIFFERENCES_SHOWN = 20;

export const WAY_TEXT = {
  json: 'JSON, as with curl',
  batches: "Kafka's record batches, zstd, packed by the client",
} as const;

/** What is proved if there are no problems, else the first of them. */
export function verdictLines(claim: string, problems: readonly string[]): string[] {
  if (problems.length === 0) return [`  PROVED: ${claim}`];
  const more = problems.length - DIFFERENCES_SHOWN;
  return [
    `  NOT PROVED: ${whole(problems.length)} differences`,
    ...problems.slice(0, DIFFERENCES_SHOWN).map((problem) => `    ${problem}`),
    ...(more > 0 ? [`    and ${whole(more)} more`] : []),
  ];
}

/** First column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join('   ')}`;
  });
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
