import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const COMMAND = 'apt-get update && apt-get install -y redis-server'

/**
 * Installs with apt, one process of this machine at a time, and starts no service: Debian's package would run one on
 * port 6379, which an executable `policy-rc.d` forbids. One that is there already is the machine's own and stays.
 */
const INSTALL = `
set -e
command -v redis-server && exit
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > $policy
  chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
install='apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 redis-server'
$install || { apt-get update; $install; }
`

/** Before any test: Redis is a program of the machine, not of npm. */
export default async function setup(): Promise<void> {
  await locateRedisServer()
}

/**
 * The path of `redis-server`, which is installed when it is absent and this process may.
 * @throws Error with the one command to run.
 */
export async function locateRedisServer(): Promise<string> {
  const found = await find('redis-server')
  if (found !== undefined) return found
  const mayInstall = process.getuid?.() === 0 && (await find('apt-get')) !== undefined
  const why = mayInstall ? await install() : 'only root installs it, with apt-get'
  const installed = await find('redis-server')
  if (installed !== undefined) return installed
  throw new Error(`redis-server is not installed (${why}); install it with: ${COMMAND}`)
}

/** Why it failed, if it did. */
async function install(): Promise<string> {
  const lock = '/tmp/spillway-redis-install.lock'
  try {
    await promisify(execFile)('flock', [lock, 'sh', '-c', INSTALL], { maxBuffer: 16 * 2 ** 20 })
    return 'apt-get installed none'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function find(program: string): Promise<string | undefined> {
  // Where Debian keeps what daemons and root use may be missing in a user's path.
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']) {
    const path = join(folder || '.', program)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}
