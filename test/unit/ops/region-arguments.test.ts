import { describe, expect, it } from 'vitest';
import { readRegionArguments } from '../../../ops/region/arguments.ts';

const read = (line: string, environment: Record<string, string> = {}): unknown =>
  readRegionArguments(line.split(' '), environment);

describe('the arguments of the region command', () => {
  it('name what is to be done, and where', () => {
    expect(read('status')).toEqual({ command: { name: 'status', url: 'http://127.0.0.1:8082' } });
    expect(read('freeze', { MILLRACE_URL: 'https://a.invalid' })).toEqual({
      command: { name: 'freeze', url: 'https://a.invalid' },
    });
    expect(read('thaw --url http://b.invalid/x --sign eu-central-1', { MILLRACE_TOKEN: 'secret' })).toEqual({
      command: { name: 'thaw', url: 'http://b.invalid/x' },
      token: 'secret',
      signedRegion: 'eu-central-1',
    });
  });

  it('name both regions of a fail-over, or that one is lost', () => {
    const shared = { name: 'fail-over', source: 'west', to: 'http://e.invalid' };
    expect(read('fail-over --source west --from http://w.invalid --to http://e.invalid --wait 5')).toEqual({
      command: { ...shared, from: 'http://w.invalid', isLost: false, groups: false, waitMs: 5_000 },
    });
    expect(read('fail-over --source west --lost --to http://e.invalid')).toEqual({
      command: { ...shared, from: '', isLost: true, groups: false, waitMs: 600_000 },
    });
  });

  it('name the regions between which topics are promoted, exported and made anew', () => {
    const shared = { source: 'west', to: 'http://e.invalid', waitMs: 600_000 };
    expect(read('promote --source west --to http://e.invalid')).toEqual({
      command: { name: 'promote', ...shared },
    });
    const both = '--source west --from http://w.invalid --to http://e.invalid';
    const from = 'http://w.invalid';
    expect(read(`export-tail ${both}`)).toEqual({ command: { name: 'export-tail', ...shared, from } });
    expect(read(`re-create ${both} --exclude a.* --exclude b`)).toEqual({
      command: { name: 're-create', ...shared, from, exclude: ['a.*', 'b'], trimmed: false },
    });
    expect(read(`re-create ${both} --topics orders --trimmed`)).toEqual({
      command: { name: 're-create', ...shared, from, topics: ['orders'], exclude: [], trimmed: true },
    });
  });

  it.each([
    ['promote --source w --to http://e.invalid --from http://w.invalid', 'promote has no option --from'],
    ['export-tail --source w --to http://e.invalid', '--from is missing'],
    ['re-create --source w --from http://w.invalid --to http://w.invalid', 'are the same region'],
    [
      're-create --source w --from http://w.invalid --to http://e.invalid --lost',
      're-create has no option --lost',
    ],
    ['fail-over --source w --to http://e.invalid --lost --groups', '--groups asks the region that is left'],
    ['status --source w', 'status has no option --source'],
    ['frieze', "there is no command 'frieze'"],
    ['freeze thaw', 'one command at a time: freeze, thaw'],
    ['freeze --url ftp://a.invalid', '--url must be a URL'],
    ['freeze --force', '--force'],
    ['fail-over --to http://e.invalid --lost', '--source is missing'],
    ['fail-over --source w --lost', '--to is missing'],
    ['fail-over --source w --to http://e.invalid', 'either --from or --lost'],
    ['fail-over --source w --to http://e.invalid --from http://w.invalid --lost', 'either --from or --lost'],
    ['fail-over --source w --to http://e.invalid --lost --wait soon', '--wait must be a number'],
  ])('are refused in one line: %s', (line, text) => {
    expect(() => read(line)).toThrow(text);
  });

  it('help when nothing is asked for', () => {
    expect(readRegionArguments([], {})).toEqual({ command: { name: 'help' } });
    expect(read('--help')).toEqual({ command: { name: 'help' } });
  });
});
