// `vivavoce sim` as people run it, writing down all it hears and says.

import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT, signal, start } from '../../scripts/child.mjs'
import { until } from '../sound/fact.mjs'
import { decodeWav } from '../sound/wav.mjs'

export class Simulator {
  /** Starts one that does what `script` says (see docs/SIMULATOR.md), `speed` times as fast as the service. */
  static async open({ script = {}, speed = 1 } = {}) {
    const simulator = new Simulator()
    try {
      await simulator.#begin(script, speed)
    } catch (error) {
      await simulator.close()
      throw error
    }
    return simulator
  }

  /** Its base URL: `http://127.0.0.1:…`; the same port speaks TLS. */
  url

  /** A file with what a client must trust to speak TLS with it. */
  get certificate() {
    return join(this.#folder, 'authority.pem')
  }

  /** What it received in its n-th session: samples at 16 kHz. */
  heard(session) {
    return decodeWav(readFileSync(join(this.#folder, `session-${session}-in.wav`))).samples
  }

  /** What it sent in its n-th session: samples at 24 kHz. */
  said(session) {
    return decodeWav(readFileSync(join(this.#folder, `session-${session}-out.wav`))).samples
  }

  /** What happened in its n-th session, once that is over. */
  async events(session) {
    const file = join(this.#folder, `session-${session}.json`)
    const read = () => existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).events : []
    await until(`session ${session} is over`, () => read().some(({ event }) => event === 'gone' || event === 'close'),
      { why: () => JSON.stringify(read().map(({ event }) => event)) })
    return read()
  }

  /** How many sessions there were. */
  get sessions() {
    let count = 0
    while (existsSync(join(this.#folder, `session-${count + 1}-in.wav`))) count++
    return count
  }

  /** Ends it. */
  async close() {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) {
      const closed = once(this.#child, 'close')
      signal(this.#child)
      await closed
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #folder = mkdtempSync(join(tmpdir(), 'simulator-'))
  #child

  async #begin(script, speed) {
    const file = join(this.#folder, 'script.json')
    writeFileSync(file, JSON.stringify({ record: this.#folder, ...script }))
    const words = ['sim', '--port', '0', '--script', file, '--time-scale', String(speed), '--certificate', this.certificate]
    this.#child = start(binary(), words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on('data', bytes => { printed += bytes })
    this.#child.once('error', error => { printed += error })
    this.url = await until('the simulator listens', () => {
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}: ${printed}`)
      return printed.match(/listening on (http:\/\/[\d.:]+)/)?.[1]
    }, { why: () => printed })
  }
}

/** The newest of what was built, or what `VIVAVOCE_BIN` names. */
function binary() {
  if (process.env.VIVAVOCE_BIN) return process.env.VIVAVOCE_BIN
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target')
  const built = ['release', 'debug'].map(profile => join(target, profile, 'vivavoce')).filter(existsSync)
  built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  if (built.length === 0) throw new Error('no vivavoce was built: run cargo build -p vivavoce-proxy')
  return built[0]
}
