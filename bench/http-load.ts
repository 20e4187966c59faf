import { connect } from 'node:net';

/** Sends the same request over `connectionCount` connections, each as soon as the last was answered; requests/s. */
export async function requestsPerSecond(
  url: URL,
  request: { readonly path: string; readonly contentType: string; readonly body: string },
  load: { readonly connectionCount: number; readonly ms: number },
): Promise<number> {
  const bytes = Buffer.from(
    `POST ${request.path} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: ${request.contentType}\r\n` +
      `content-length: ${Buffer.byteLength(request.body)}\r\n\r\n${request.body}`,
  );
  const until = performance.now() + load.ms;
  const started = performance.now();
  const counts = await Promise.all(
    Array.from({ length: load.connectionCount }, () => oneConnection(url, bytes, until)),
  );
  const seconds = (performance.now() - started) / 1_000;
  return counts.reduce((total, count) => total + count, 0) / seconds;
}

/** A client of a few lines, so that both cores are the servers': answers carry a Content-Length and status 200. */
function oneConnection(url: URL, request: Buffer, until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    let pending = '';
    const socket = connect(Number(url.port), url.hostname, () => socket.write(request));
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('data', (data: Buffer) => {
      pending += data.toString('latin1');
      const head = pending.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(pending)?.[1]);
      if (pending.length < head + 4 + length) return;
      if (!pending.startsWith('HTTP/1.1 200')) {
        reject(new Error(pending));
        socket.destroy();
        return;
      }
      pending = '';
      count += 1;
      if (performance.now() < until) socket.write(request);
      else {
        socket.end();
        resolve(count);
      }
    });
  });
}
