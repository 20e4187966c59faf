import type { TopicDescription } from '../../log.ts';
import { HttpError } from '../http-error.ts';
import { decodeText, describeIssues } from '../json-body.ts';
import { streamedObjects } from '../json-stream.ts';
import { jsonCharset } from '../media-type.ts';
import { type HttpResponse, jsonResponse, MEDIA } from '../message.ts';
import { type ProduceTerms, TERMS_HEADERS, termsOf } from '../produce-terms.ts';
import { type Exchange, param, type Route } from '../route.ts';
import { UnexpectedTailAnswer } from '../schemas/common.ts';
import { BatchAnswer, BatchBody, type BatchRequest, RecordBody, RecordReport } from '../schemas/v3.ts';
import { type Entry, payloadError, produceEntries, type Report, readEntry } from '../v3-record.ts';
import { v3Body } from './v3-topics.ts';

const TOPIC = '/clusters/{cluster}/topics/{topic}';
const BATCH_ENTRIES_MAX = 10;

const emptyBody = (): HttpError =>
  new HttpError({ status: 422, restCode: 42206 }, 'Payload error. Request body is empty. Data is required.');

/** The records of a body; the first object that cannot be read ends it. */
function readStream(
  exchange: Exchange,
  topic: TopicDescription,
  text: string,
  terms: ProduceTerms,
): readonly Entry[] {
  const entries: Entry[] = [];
  for (const streamed of streamedObjects(text)) {
    if (streamed.kind === 'broken') {
      const error = { error_code: 400, message: streamed.message, kafka_error: 'INVALID_REQUEST' } as const;
      entries.push({ kind: 'bad', error });
      continue;
    }
    const shaped = RecordBody().safeParse(streamed.value);
    if (shaped.success) entries.push(readEntry(exchange, topic, shaped.data, terms));
    else {
      const message = describeIssues(shaped.error.issues);
      entries.push({ kind: 'bad', error: payloadError(message, 'INVALID_REQUEST') });
    }
  }
  return entries;
}

const reportLine = (report: Report): string =>
  `${JSON.stringify(report.kind === 'stored' ? { error_code: 200, ...report.report } : report.error)}\r\n`;

/**
 * Records as JSON objects one behind another. The whole body is read before the first report goes out: a client that
 * waits for reports before it ends its request waits in vain.
 */
async function produceStream(exchange: Exchange): Promise<HttpResponse> {
  const { request, services, call } = exchange;
  const charset = jsonCharset(request.headers['content-type'], request.body);
  const text = decodeText(request.body, charset);
  if (!/\S/.test(text)) throw emptyBody();
  const terms = termsOf(request);
  const topic = await services.log.resolveTopic(param(exchange, 'topic'), call);
  const entries = readStream(exchange, topic, text, terms);
  const reports = await produceEntries(exchange, topic, entries, terms);
  return { status: 200, headers: { 'Content-Type': MEDIA.json }, body: reports.map(reportLine).join('') };
}

function checkBatch({ entries }: BatchRequest): void {
  const refused = (message: string): HttpError => new HttpError({ status: 422, restCode: 42208 }, message);
  if (entries.length === 0) throw refused('The batch has no entries');
  if (entries.length > BATCH_ENTRIES_MAX)
    throw refused(`The batch has more than ${BATCH_ENTRIES_MAX} entries`);
  if (new Set(entries.map(({ id }) => id)).size < entries.length)
    throw refused('Two entries have the same id');
}

async function produceBatch(exchange: Exchange): Promise<HttpResponse> {
  const body = v3Body(exchange, BatchBody);
  checkBatch(body);
  const terms = termsOf(exchange.request);
  const topic = await exchange.services.log.resolveTopic(param(exchange, 'topic'), exchange.call);
  const entries = body.entries.map((entry) => readEntry(exchange, topic, entry, terms));
  const reports = await produceEntries(exchange, topic, entries, terms);
  const successes: object[] = [];
  const failures: object[] = [];
  for (const [index, report] of reports.entries()) {
    const id = body.entries[index]?.id;
    if (report.kind === 'stored') successes.push({ id, ...report.report });
    else failures.push({ id, ...report.error });
  }
  return jsonResponse(207, MEDIA.json, { successes, failures });
}

const unexpectedTail = {
  description: 'The partition does not end at the expected offset; nothing was stored.',
  content: { [MEDIA.json]: UnexpectedTailAnswer },
};
const shared = { method: 'POST', group: 'produce', api: 'v3', metered: true, anyCluster: true } as const;

export const v3RecordRoutes: readonly Route[] = [
  {
    ...shared,
    path: `${TOPIC}/records`,
    doc: {
      operationId: 'produceRecords',
      summary: 'Appends records: JSON objects one behind another, answered by as many reports.',
      headers: TERMS_HEADERS,
      body: { [MEDIA.json]: RecordBody },
      responses: {
        200: {
          description:
            'A report for every record, separated by CRLF; failed ones have the shape of an error.',
          content: { [MEDIA.json]: RecordReport },
        },
        412: unexpectedTail,
      },
    },
    handle: produceStream,
  },
  {
    ...shared,
    path: `${TOPIC}/records:batch`,
    doc: {
      operationId: 'produceRecordsBatch',
      summary: 'Appends up to 10 records that carry ids.',
      headers: TERMS_HEADERS,
      body: { [MEDIA.json]: BatchBody },
      responses: {
        207: { description: 'What became of each entry.', content: { [MEDIA.json]: BatchAnswer } },
        412: unexpectedTail,
      },
    },
    handle: produceBatch,
  },
];
