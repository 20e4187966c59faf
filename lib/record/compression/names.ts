/** The codecs of a record batch: attribute bits 0–2. */
export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export const COMPRESSION_NAMES: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Undefined for the numbers 5 to 7, which nothing has been given to. */
export function compressionOf(attributes: number): CompressionName | undefined {
  return COMPRESSION_NAMES[attributes & 0x07];
}

export function compressionId(name: CompressionName): number {
  return COMPRESSION_NAMES.indexOf(name);
}
