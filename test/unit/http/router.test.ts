import { describe, expect, it } from 'vitest';
import { createRouter } from '../../../lib/http/router.ts';

const route = createRouter([
  { method: 'GET', path: '/' },
  { method: 'GET', path: '/topics' },
  { method: 'GET', path: '/topics/{topic}' },
  { method: 'POST', path: '/topics/{name}' },
  { method: 'GET', path: '/topics/-/configs' },
  { method: 'POST', path: '/topics/{topic}/configs:alter' },
  { method: 'GET', path: '/topics/{topic}/partitions/{partition}' },
  { method: 'GET', path: '/flows/{source}' },
  { method: 'POST', path: '/flows/{source}:promote' },
]);
const pathOf = (method: string, path: string): string | undefined => {
  const match = route(method, path);
  return match.kind === 'found' ? match.route.path : undefined;
};

describe('the router', () => {
  it('finds the template and the decoded parameters', () => {
    const match = route('GET', '/topics/a%20b/partitions/3');
    expect(match).toMatchObject({ kind: 'found', params: { topic: 'a b', partition: '3' } });
  });

  it('names a parameter as the route of the method does', () => {
    expect(route('POST', '/topics/t')).toMatchObject({ params: { name: 't' } });
  });

  it('takes an action off the end of a parameter, and no other', () => {
    expect(route('POST', '/flows/a%20b:promote')).toMatchObject({
      kind: 'found',
      route: { path: '/flows/{source}:promote' },
      params: { source: 'a b' },
    });
    expect(route('GET', '/flows/west:promote')).toEqual({ kind: 'method', allow: ['POST'] });
    expect(route('GET', '/flows/west:other')).toMatchObject({ params: { source: 'west:other' } });
    expect(route('POST', '/flows/:promote')).toMatchObject({ kind: 'method' });
  });

  it('decodes after splitting, so an encoded slash stays in its segment', () => {
    expect(route('GET', '/topics/a%2Fb')).toMatchObject({ kind: 'found', params: { topic: 'a/b' } });
  });

  it('tolerates one slash at the end and no more', () => {
    expect(pathOf('GET', '/topics/')).toBe('/topics');
    expect(pathOf('GET', '/topics/t/')).toBe('/topics/{topic}');
    expect(pathOf('GET', '/topics//')).toBeUndefined();
    expect(pathOf('GET', '/')).toBe('/');
  });

  it('prefers a literal segment, and falls back to the parameter when the literal leads nowhere', () => {
    expect(pathOf('GET', '/topics/-/configs')).toBe('/topics/-/configs');
    expect(pathOf('GET', '/topics/-')).toBe('/topics/{topic}');
    expect(pathOf('GET', '/topics/-/partitions/0')).toBe('/topics/{topic}/partitions/{partition}');
  });

  it('takes a colon as part of a segment', () => {
    expect(pathOf('POST', '/topics/t/configs:alter')).toBe('/topics/{topic}/configs:alter');
  });

  it('tells an unknown path from a method that the path does not have', () => {
    expect(route('GET', '/topic')).toEqual({ kind: 'none' });
    expect(route('DELETE', '/topics/t')).toEqual({ kind: 'method', allow: ['GET', 'POST'] });
    expect(pathOf('HEAD', '/topics')).toBe('/topics');
  });

  it('refuses an escape that begins no character', () => {
    expect(() => route('GET', '/topics/%zz')).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => route('GET', '/topics/%ff')).toThrow(expect.objectContaining({ status: 400 }));
  });

  it('does not take names from the prototype of objects for routes', () => {
    expect(route('GET', '/__proto__')).toEqual({ kind: 'none' });
    expect(route('GET', '/topics/constructor/toString')).toEqual({ kind: 'none' });
  });
});
