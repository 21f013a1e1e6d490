// A pretend AudioWorkletGlobalScope: nothing in it but what all engines have there.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The bytes of the module: `VIVAVOCE_WORKLET_WASM`, or what the build made, or made here. */
export function moduleBytes() {
  const built = process.env.VIVAVOCE_WORKLET_WASM ?? join(ROOT, 'pkg', 'vivavoce_worklet.wasm')
  const path = existsSync(built) ? built : compile()
  const { buffer, byteOffset, byteLength } = readFileSync(path)
  return buffer.slice(byteOffset, byteOffset + byteLength)
}

function compile() {
  const told = execFileSync('cargo', ['build', '--locked', '--profile', 'worklet', '--target', 'wasm32-unknown-unknown',
    '-p', 'vivavoce-worklet', '--message-format', 'json'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const made = told.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  return made.findLast((artifact) => artifact.filenames?.some((name) => name.endsWith('.wasm'))).filenames.find((name) => name.endsWith('.wasm'))
}

/** One of two ends that hear each other at once; transferred buffers are detached, as by a real port. */
export class Port {
  heard = []
  isClosed = false

  static pair() {
    const [one, other] = [new Port(), new Port()]
    one.other = other
    other.other = one
    return [one, other]
  }

  postMessage(message, transfer = []) {
    if (this.isClosed) return
    const port = message.port
    const data = port ? { ...message } : structuredClone(message, { transfer })
    this.other.hear(data)
  }

  hear(data) {
    if (this.isClosed) return
    this.heard.push(data)
    this.onmessage?.({ data })
  }

  close() {
    this.isClosed = true
  }

  /** What was heard of a type. */
  of(type) {
    return this.heard.filter((message) => message.type === type)
  }
}

/** A scope at a rate in which the courier is loaded. */
export class Scope {
  constructor(sampleRate, { globals = {} } = {}) {
    const processors = this.processors = {}
    const births = this.births = []
    class AudioWorkletProcessor {
      constructor() {
        this.port = births.pop()
      }
    }
    const context = vm.createContext({
      AudioWorkletProcessor, sampleRate, currentFrame: 0, currentTime: 0, ...globals,
      registerProcessor: (name, processor) => { processors[name] = processor },
    })
    vm.runInContext(readFileSync(join(ROOT, 'src', 'js', 'worklet.js'), 'utf8'), context, { filename: 'worklet.js' })
    this.sampleRate = sampleRate
  }

  /** A node, its port on the page's side, and its port on the Worker's side if it is linked. */
  node(name, { module = moduleBytes(), isLinked = true } = {}) {
    const [inside, page] = Port.pair()
    this.births.push(inside)
    const processor = new this.processors[name]({ processorOptions: { module } })
    if (!isLinked) return { processor, page }
    const [far, worker] = Port.pair()
    page.postMessage({ type: 'link', port: far })
    return { processor, page, worker }
  }

  recorder(options) {
    const node = this.node('vivavoce-recorder', options)
    // The Worker hands every buffer back.
    if (node.worker) node.worker.onmessage = ({ data }) => {
      if (data.type !== 'frame') return
      node.frames ??= []
      node.frames.push({ position: data.position, pcm: Buffer.from(data.pcm.slice(0)) })
      node.worker.postMessage({ type: 'return', pcm: data.pcm }, [data.pcm])
    }
    return node
  }

  player(options) {
    return this.node('vivavoce-player', options)
  }
}

/** Runs a player for `frames` frames in blocks of `quantum`; returns its first channel. */
export function pull({ processor }, frames, quantum = 128, channels = 2) {
  const sound = new Float32Array(frames)
  for (let start = 0; start < frames; start += quantum) {
    const output = Array.from({ length: channels }, () => new Float32Array(quantum))
    if (!processor.process([], [output])) return sound.subarray(0, start)
    sound.set(output[0].subarray(0, Math.min(quantum, frames - start)), start)
  }
  return sound
}

/** Runs a recorder over `channels` in blocks of `quantum`. */
export function feed({ processor }, channels, quantum = 128) {
  for (let start = 0; start < channels[0].length; start += quantum) {
    const input = channels.map((channel) => channel.slice(start, start + quantum))
    processor.process([input], [[new Float32Array(input[0].length)]])
  }
}

/** The same pseudo-random samples as the native tests': −0.5 ≤ x < 0.5. */
export function noise(count) {
  let state = 1
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 16777216 - 0.5
  })
}

/** The same as 16-bit integers, of half scale. */
export function voice(count) {
  return Int16Array.from(noise(count), (sample) => Math.trunc(sample * 32768))
}

/** A play message's buffer of samples. */
export function pcm(samples) {
  return samples.buffer.slice(samples.byteOffset, samples.byteOffset + samples.byteLength)
}

/** FNV-1a of bytes, 32 bits, in hexadecimal. */
export function hash(bytes) {
  let state = 0x811c9dc5
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193)
  return (state >>> 0).toString(16).padStart(8, '0')
}
