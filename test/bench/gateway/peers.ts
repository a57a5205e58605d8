import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../peers/', import.meta.url))
const LOCK = join(FOLDER, 'package-lock.json')
/** The lock that node_modules was installed by; without it, or with another, the peers are installed anew. */
const INSTALLED = join(FOLDER, 'node_modules', '.installed-lock.json')

/** Installs the gateways that are measured beside ours, once and whenever their versions change: half a minute, 160 MB. */
export async function installPeers(say: (line: string) => void): Promise<void> {
  const lock = readFileSync(LOCK, 'utf8')
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === lock) return
  say('installing the peers in test/bench/peers (npm ci, about 160 MB) …')
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
    // The Node that runs this also runs npm and decides what npm thinks fits.
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
  })
  const [code] = await once(npm, 'exit')
  if (code !== 0) throw new Error(`expected npm ci in ${FOLDER} to succeed, got exit code ${code}`)
  writeFileSync(INSTALLED, lock)
}
