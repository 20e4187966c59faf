import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Git-ignored; shared by every test that needs a Java program. */
const TOOLS_FOLDER = join(import.meta.dirname, '../../.tools');
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const MAVEN_MS_MAX = 240_000;

/**
 * Fetches jars with everything they need at run time from Maven Central, by Maven itself. Coordinates are
 * `group:artifact:version`. Answers the folder of the jars (`java -cp "<folder>/*"`), at once if it is there already.
 * The folder appears whole or not at all, so several callers may ask at the same time.
 */
export async function fetchJars(coordinates: readonly string[]): Promise<string> {
  const name = createHash('sha256').update(coordinates.join('\n')).digest('hex').slice(0, 16);
  const folder = join(TOOLS_FOLDER, `jars-${name}`);
  if (await exists(folder)) return folder;
  await mkdir(TOOLS_FOLDER, { recursive: true });
  const attempt = await mkdtemp(join(TOOLS_FOLDER, 'fetching-'));
  try {
    await writeFile(join(attempt, 'pom.xml'), pomOf(coordinates));
    const jars = join(attempt, 'jars');
    await run('mvn', ['-q', '-B', '-f', join(attempt, 'pom.xml'), COPY_GOAL, ...copyOptions(jars)], {
      timeout: MAVEN_MS_MAX,
    });
    await publish(jars, folder);
  } finally {
    await rm(attempt, { recursive: true, force: true });
  }
  return folder;
}

const copyOptions = (jars: string): string[] => [`-DoutputDirectory=${jars}`, '-DincludeScope=runtime'];

/** The rename fails if somebody else was faster; then theirs is as good. */
async function publish(jars: string, folder: string): Promise<void> {
  try {
    await rename(jars, folder);
  } catch (error) {
    if (!(await exists(folder))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function pomOf(coordinates: readonly string[]): string {
  const dependencies = coordinates.map((coordinate) => {
    const [group, artifact, version] = coordinate.split(':');
    if (!group || !artifact || !version) throw new Error(`'${coordinate}' is not group:artifact:version`);
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace.test</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}
