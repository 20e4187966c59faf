import { HttpError } from './http-error.ts';
import { MEDIA } from './message.ts';

/** How keys and values stand in a JSON body: base64, JSON itself, or a UTF-8 string. */
export type EmbeddedFormat = 'binary' | 'json' | 'text';

export interface MediaType {
  /** Lower case, without parameters. */
  readonly type: string;
  readonly charset: string | undefined;
}

export function parseMediaType(header: string): MediaType {
  const [type = '', ...parameters] = header.split(';');
  let charset: string | undefined;
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=', 2);
    if (name.trim().toLowerCase() === 'charset') charset = value.trim().replace(/^"|"$/g, '').toLowerCase();
  }
  return { type: type.trim().toLowerCase(), charset };
}

const EMBEDDED = /^application\/vnd\.kafka\.(binary|json|text)(?:\.v[12])?\+json$/;
const METADATA = /^application\/vnd\.kafka(?:\.v[12])?\+json$/;
const WITHOUT_FORMAT = new Set(['application/json', 'application/octet-stream']);

/** Undefined if the type is none of ours. */
function embeddedFormatOf(type: string): EmbeddedFormat | undefined {
  const named = EMBEDDED.exec(type)?.[1] as EmbeddedFormat | undefined;
  if (named !== undefined) return named;
  return METADATA.test(type) || WITHOUT_FORMAT.has(type) ? 'binary' : undefined;
}

const unsupported = (header: string, wanted: string): HttpError =>
  new HttpError({ status: 415 }, `Content-Type '${header}' is not supported here; send ${wanted}`);

/**
 * What a produce request carries. No header means JSON; a type that names no format means base64, as in Karapace.
 * 415 for anything else, the formats of a schema registry included: there is none.
 */
export function producedFormat(contentType: string | undefined): {
  readonly format: EmbeddedFormat | 'batches';
  readonly charset: string | undefined;
} {
  if (contentType === undefined || contentType === '') return { format: 'json', charset: undefined };
  const { type, charset } = parseMediaType(contentType);
  const format = type === MEDIA.batches ? 'batches' : embeddedFormatOf(type);
  if (format === undefined)
    throw unsupported(contentType, 'application/vnd.kafka.json.v2+json for JSON records');
  return { format, charset };
}

/** Checks the type of a body that is plain JSON, and answers its charset. An empty body may have any type. */
export function jsonCharset(contentType: string | undefined, body: Uint8Array): string | undefined {
  if (contentType === undefined || contentType === '' || body.length === 0) return undefined;
  const { type, charset } = parseMediaType(contentType);
  if (type !== MEDIA.json && !METADATA.test(type) && !EMBEDDED.test(type))
    throw unsupported(contentType, MEDIA.json);
  return charset;
}

interface Acceptable {
  readonly type: string;
  readonly quality: number;
}

/** RFC 9110 §12.5.1, most wanted first; equally wanted types keep their order. */
function accepted(header: string): readonly Acceptable[] {
  return header
    .split(',')
    .map((range) => {
      const quality = /;\s*q=([\d.]+)/i.exec(range)?.[1];
      return { type: parseMediaType(range).type, quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

const ANY = new Set(['', '*/*', 'application/*']);

/** 406 unless the client takes one of ours: metadata answers are always JSON of our own type. */
export function checkAcceptsJson(accept: string | undefined): void {
  if (accept === undefined || accept === '*/*' || accept === MEDIA.json) return;
  const good = accepted(accept).some(({ type }) => ANY.has(type) || embeddedFormatOf(type) !== undefined);
  if (!good) throw new HttpError({ status: 406 }, `None of '${accept}' can be answered here`);
}

/** The format of a read, and the type that is answered. Without a wish it is base64. */
export function consumedFormat(accept: string | undefined): EmbeddedFormat | 'batches' {
  if (accept === undefined || accept === '') return 'binary';
  for (const { type } of accepted(accept)) {
    if (type === MEDIA.batches) return 'batches';
    if (ANY.has(type)) return 'binary';
    const format = embeddedFormatOf(type);
    if (format !== undefined) return format;
  }
  throw new HttpError(
    { status: 406, restCode: 40601 },
    `Records cannot be answered as '${accept}'; ask for application/vnd.kafka.binary.v2+json, json or text`,
  );
}

/**
 * Whether records in the format of a consumer instance will do. A type that names no format takes any. 406 with code
 * 40601 otherwise.
 */
export function checkAcceptsFormat(accept: string | undefined, format: EmbeddedFormat): void {
  if (accept === undefined || accept === '') return;
  const fits = ({ type }: Acceptable): boolean =>
    ANY.has(type) || METADATA.test(type) || type === MEDIA.json || EMBEDDED.exec(type)?.[1] === format;
  if (accepted(accept).some(fits)) return;
  throw new HttpError(
    { status: 406, restCode: 40601 },
    `The instance answers ${embeddedMedia(format)}, which is not among '${accept}'`,
  );
}

export const embeddedMedia = (format: EmbeddedFormat): string => `application/vnd.kafka.${format}.v2+json`;
