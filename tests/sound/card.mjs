// A sound card made of software: a PulseAudio of its own with a loudspeaker and a microphone that are null sinks.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until, within } from './fact.mjs'
import { hurried } from './priority.mjs'
import { rms } from './signal.mjs'

export class SoundCard {
  /** Starts a sound server that nobody else hears, with both devices at `rate` Hz. */
  static async open({ rate = 44100 } = {}) {
    const card = new SoundCard(rate)
    try {
      await card.#begin()
    } catch (error) {
      await card.close()
      throw error
    }
    return card
  }

  /** Speaks samples (mono, −1…1, `rate` Hz) into the microphone; resolves when the last one was played. */
  async speak({ samples, rate }) {
    const player = this.#run('pacat', ['--playback', '--raw', '--device=microphone', '--latency-msec=1000',
      '--format=float32le', '--channels=1', `--rate=${rate}`], ['pipe', 'ignore', 'inherit'])
    player.stdin.on('error', () => { /* The exit code says it. */ })
    player.stdin.end(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength))
    const patience_ms = 1000 * samples.length / rate + 15_000
    const [code] = await within(patience_ms, 'all was said', once(player, 'close'))
    if (code !== 0) throw new Error(`pacat ended with ${code}`)
  }

  /** Records the loudspeaker from here on. */
  async listen() {
    const recorder = this.#run('parec', ['--raw', `--device=${this.#loudspeaker}.monitor`, '--latency-msec=10',
      '--format=float32le', '--channels=1', `--rate=${this.rate}`], ['ignore', 'pipe', 'inherit'])
    const recording = new Recording(recorder, this.rate)
    await until('the recorder records', () => recording.length > 0)
    return recording
  }

  /** Puts another loudspeaker in the place of the one that plays, as when headphones come. */
  replaceLoudspeaker() {
    const old = this.#loudspeaker
    this.#loudspeaker = 'headphones'
    this.#ask('load-module', 'module-null-sink', `sink_name=${this.#loudspeaker}`, `rate=${this.rate}`)
    this.#hurry(`${this.#loudspeaker}.monitor`)
    this.#ask('set-default-sink', this.#loudspeaker)
    const [index] = this.#ask('list', 'short', 'modules').split('\n').find(line => line.includes(`sink_name=${old}`)).split('\t')
    this.#ask('unload-module', index)
  }

  /** Ends the server and whatever speaks or listens. */
  async close() {
    const ends = [...this.#children].map(child => once(child, 'close'))
    this.end()
    await Promise.all(ends)
  }

  /** Does so without waiting for it. */
  end() {
    this.#children.forEach(child => child.kill('SIGKILL'))
    rmSync(this.#folder, { recursive: true, force: true })
    cards.delete(this)
  }

  /** What a program's environment needs so that it uses this card. */
  environment

  /** The rate of both devices in Hz. */
  rate

  #folder = mkdtempSync(join(tmpdir(), 'sound-'))
  #loudspeaker = 'loudspeaker'
  #children = new Set()

  constructor(rate) {
    cards.add(this)
    this.rate = rate
    this.environment = { XDG_RUNTIME_DIR: this.#folder, PULSE_RUNTIME_PATH: this.#folder,
      PULSE_STATE_PATH: this.#folder, PULSE_CONFIG: `${this.#folder}/daemon.conf`, PULSE_SERVER: `unix:${this.#folder}/socket` }
  }

  async #begin() {
    // Chromium takes the server's default rate for the device's, so it is set beside the sinks' own.
    writeFileSync(this.environment.PULSE_CONFIG, `default-sample-rate = ${this.rate}\nalternate-sample-rate = ${this.rate}\n` +
      'resample-method = speex-float-10\nexit-idle-time = -1\n')
    this.#run('pulseaudio', ['--daemonize=no', '--use-pid-file=no', '-n', '--log-level=error',
      `--load=module-native-protocol-unix socket=${this.#folder}/socket auth-anonymous=1`,
      `--load=module-null-sink sink_name=loudspeaker rate=${this.rate}`,
      `--load=module-null-sink sink_name=microphone rate=${this.rate}`,
      '--load=module-remap-source master=microphone.monitor source_name=ear'], ['ignore', 'ignore', 'ignore'])
    await until('PulseAudio answers', () => this.#isDone('set-default-source', 'ear'))
    this.#ask('set-default-sink', this.#loudspeaker)
    for (const device of ['ear', `${this.#loudspeaker}.monitor`]) this.#hurry(device)
  }

  /** A null sink that nobody hurries works in steps of 2 s; real devices work in steps of some milliseconds. */
  #hurry(device) {
    this.#run('parec', ['--raw', `--device=${device}`, '--latency-msec=10'], ['ignore', 'ignore', 'ignore'])
  }

  /** Tells the server something; returns its answer. */
  #ask(...words) {
    const { status, stdout, stderr } = this.#tell(words)
    if (status !== 0) throw new Error(`pactl ${words.join(' ')} ended with ${status}: ${stderr}`)
    return stdout
  }

  #isDone(...words) {
    return this.#tell(words).status === 0
  }

  #tell(words) {
    return spawnSync('pactl', words, { env: { ...process.env, ...this.environment }, encoding: 'utf8' })
  }

  #run(command, words, stdio) {
    const child = hurried(spawn(command, words, { stdio, env: { ...process.env, ...this.environment } }))
    this.#children.add(child)
    child.once('error', error => console.error(error))
    child.once('close', () => this.#children.delete(child))
    return child
  }
}

/** What the loudspeaker plays, growing while it is recorded. */
class Recording {
  /** Samples so far. */
  length = 0

  #chunks = []
  #rest = Buffer.alloc(0)

  constructor(recorder, rate) {
    this.recorder = recorder
    this.rate = rate
    recorder.stdout.on('data', bytes => this.#push(bytes))
  }

  /** All that was heard so far, or from one sample to another. */
  samples(from = 0, to = this.length) {
    const out = new Float32Array(Math.max(0, Math.min(to, this.length) - from))
    let at = 0
    for (const chunk of this.#chunks) {
      const piece = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at))
      if (piece.length) out.set(piece, Math.max(0, at - from))
      at += chunk.length
    }
    return out
  }

  /** Whether something sounded within the last `seconds` (or since `from`, a sample). */
  sounds(seconds, from = 0) {
    return rms(this.samples(Math.max(from, this.length - Math.round(seconds * this.rate)))) > AUDIBLE
  }

  /** Ends the recording; what was heard stays. */
  async stop() {
    this.recorder.kill()
    if (this.recorder.exitCode === null && this.recorder.signalCode === null) await once(this.recorder, 'close')
    return this
  }

  #push(bytes) {
    const all = Buffer.concat([this.#rest, bytes])
    const whole = all.length - all.length % 4
    this.#rest = all.subarray(whole)
    const chunk = new Float32Array(whole / 4)
    for (let i = 0; i < chunk.length; i++) chunk[i] = all.readFloatLE(4 * i)
    this.#chunks.push(chunk)
    this.length += chunk.length
  }
}

// −60 dB of full scale: below it nobody would say that something plays.
const AUDIBLE = 0.001

// No sound server outlives us.
const cards = new Set()
process.on('exit', () => cards.forEach(card => card.end()))
