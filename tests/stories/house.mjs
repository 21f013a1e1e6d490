// The whole system but the browser: the proxy as people run it, and a simulator that writes down all it hears and says.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../scripts/child.mjs'
import { until } from '../sound/fact.mjs'
import { hurried } from '../sound/priority.mjs'
import { decodeWav } from '../sound/wav.mjs'

export class House {
  /**
   * Starts both; `script` is the simulator's (see docs/SIMULATOR.md; without one, the parrot), `config` the proxy's
   * settings as TOML, `env` what its environment has besides, `page` the folder that it serves (none for those who bring no browser).
   */
  static async open({ script = {}, config = '', env = {}, page } = {}) {
    const house = new House()
    try {
      house.#environment = env
      await house.#begin(script, config, page)
    } catch (error) {
      await house.close()
      throw error
    }
    return house
  }

  /** What the simulator received in its n-th session: samples at 16 kHz. */
  heard(session = 1) {
    return this.#recording(`session-${session}-in.wav`)
  }

  /** What the simulator sent in its n-th session: samples at 24 kHz. */
  said(session = 1) {
    return this.#recording(`session-${session}-out.wav`)
  }

  /** What happened in its n-th session. */
  events(session = 1) {
    const file = join(this.#record, `session-${session}.json`)
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
  }

  /** What happened, for somebody who wonders why a story failed: ends the simulator, and leaves the audio out. */
  async account() {
    await this.endSimulator()
    return this.events().events?.filter(({ event }) => event !== 'audio')
  }

  /** Ends the simulator, so that all it has to write is written. */
  async endSimulator() {
    await end(this.#simulator)
  }

  /** Ends both. */
  async close() {
    await Promise.all([end(this.#proxy), end(this.#simulator)])
    rmSync(this.#folder, { recursive: true, force: true })
    houses.delete(this)
  }

  /** Does so without waiting. */
  kill() {
    this.#proxy?.kill('SIGKILL')
    this.#simulator?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Where the page is: `http://127.0.0.1:…/`. */
  url

  /** The proxy's host and port. */
  get host() {
    return new URL(this.url).host
  }

  #folder = mkdtempSync(join(tmpdir(), 'house-'))
  #record = join(this.#folder, 'record')
  #simulator
  #proxy
  #environment

  constructor() {
    houses.add(this)
  }

  async #begin(script, config, page) {
    mkdirSync(this.#record)
    const [scriptFile, configFile] = [join(this.#folder, 'script.json'), join(this.#folder, 'vivavoce.toml')]
    writeFileSync(scriptFile, JSON.stringify({ record: this.#record, ...script }))
    writeFileSync(configFile, config)
    this.#simulator = this.#run('sim', '--port', '0', '--script', scriptFile)
    const upstream = await listening(this.#simulator)
    this.#proxy = this.#run('serve', '--listen', '127.0.0.1:0', '--upstream', `ws://${upstream}`,
      '--config', configFile, ...(page ? ['--page', page] : []))
    this.url = `http://${await listening(this.#proxy)}/`
  }

  #run(...words) {
    const { GEMINI_API_KEY: _, ...environment } = process.env
    const child = hurried(spawn(BINARY, words, { cwd: this.#folder, env: { ...environment, ...this.#environment }, stdio: ['ignore', 'pipe', 'pipe'] }))
    child.printed = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', bytes => { child.printed += bytes })
    child.once('error', error => { child.printed += error })
    return child
  }

  #recording(name) {
    const file = join(this.#record, name)
    return existsSync(file) ? decodeWav(readFileSync(file)) : { samples: new Float32Array(0), rate: 0 }
  }
}

/** The host and port that a program says it listens on. */
function listening(child) {
  return until(`${child.spawnargs.slice(0, 2).join(' ')} listens`, () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${child.printed}`)
    return child.printed.match(/listening on \w+:\/\/([\d.:]+)/)?.[1]
  }, { why: () => child.printed })
}

async function end(child) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 3000)
  await closed
  clearTimeout(late)
}

/** The proxy's program. */
export const BINARY = process.env.VIVAVOCE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'vivavoce')
const houses = new Set()
process.on('exit', () => houses.forEach(house => house.kill()))
