// The programs that the scripts start: where they are found, what they print, and that none outlives us.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** Where the tools that the project compiles for itself live. */
export const TOOLS = join(ROOT, '.tools')

/** Our environment with the project's tools first on the PATH, and rustup's even where no shell was restarted since. */
export function environment(more = {}) {
  const cargo = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin')
  const path = [join(TOOLS, 'bin'), process.env.PATH ?? '', cargo].join(delimiter)
  return { ...process.env, PATH: path, CARGO_TERM_COLOR: process.env.CARGO_TERM_COLOR ?? 'never', ...more }
}

/** The full path of a command, or `undefined`. */
export function find(command) {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd'] : ['']
  return environment().PATH.split(delimiter)
    .flatMap(folder => suffixes.map(suffix => join(folder, command + suffix)))
    .find(existsSync)
}

/** What a quick command prints, trimmed; `undefined` where it fails or is missing. */
export function ask(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, env: environment(), encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** Says that a command failed, and keeps everything it printed. */
export class CommandError extends Error {
  constructor(command, outcome, output) {
    super(`${command} ${outcome}`)
    this.name = 'CommandError'
    this.output = output
  }
}

/**
 * Runs a command to its end and returns all it printed. `onLine` hears each line as it comes.
 * @throws {CommandError} where it cannot be started or ends with anything but 0.
 */
export function run(command, args, { env, cwd = ROOT, onLine, input = 'ignore' } = {}) {
  return new Promise((resolve, reject) => {
    const child = start(command, args, { cwd, env, stdio: [input, 'pipe', 'pipe'] })
    const lines = new Lines(onLine)
    child.stdout.on('data', chunk => lines.push(chunk))
    child.stderr.on('data', chunk => lines.push(chunk))
    const name = [command, ...args].join(' ')
    child.once('error', error => reject(new CommandError(name, `cannot be started: ${error.message}`, '')))
    child.once('close', (code, signal) => {
      const output = lines.end()
      if (code === 0) resolve(output)
      else reject(new CommandError(name, signal ? `was ended by ${signal}` : `ended with ${code}`, output))
    })
  })
}

/** Runs npm's own program: on every system the one that started us, where npm did. */
export function npm(args, options) {
  const self = process.env.npm_execpath
  if (self?.endsWith('.js')) return run(process.execPath, [self, ...args], options)
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, options)
}

/** Starts a command that is ended, with all it started itself, at the latest when this process ends. */
export function start(command, args, { env, ...options } = {}) {
  const child = spawn(command, args, { detached: GROUPS, env: environment(env), cwd: ROOT, ...options })
  children.add(child)
  child.once('close', () => children.delete(child))
  child.once('error', () => children.delete(child))
  return child
}

/** Signals a started command and everything in its process group. */
export function signal(child, name = 'SIGTERM') {
  if (child.exitCode !== null && !GROUPS) return
  try {
    if (GROUPS) process.kill(-child.pid, name)
    else child.kill(name)
  } catch { /* It is gone already. */ }
}

/** The lines of what a command prints, whatever chunks it comes in. */
class Lines {
  constructor(onLine = () => {}) {
    this.onLine = onLine
    this.text = ''
    this.seen = 0
  }

  push(chunk) {
    this.text += chunk
    for (let end; (end = this.text.indexOf('\n', this.seen)) >= 0; this.seen = end + 1) {
      this.onLine(this.text.slice(this.seen, end).trimEnd())
    }
  }

  end() {
    if (this.seen < this.text.length) this.onLine(this.text.slice(this.seen))
    return this.text
  }
}

// A process group of its own lets us end a command together with its children; Windows has none.
const GROUPS = process.platform !== 'win32'
const children = new Set()
const GRACE_MS = 3000

process.on('exit', () => children.forEach(child => signal(child, 'SIGKILL')))
for (const [name, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.once(name, () => {
    // Asked first, so that they can end what they started; whoever has not done so soon is ended at our exit.
    children.forEach(child => signal(child))
    setInterval(() => children.size === 0 && process.exit(code), 20)
    setTimeout(() => process.exit(code), GRACE_MS)
  })
}
