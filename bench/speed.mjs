// How fast things are: rounds in which everybody has their turn, so that a machine that others use as well
// slows all of them; medians of them, and of the ratios within each round.

import { BLOCK } from './quality.mjs'

/**
 * Nanoseconds per input sample of each contestant from `from` to `to` Hz, with its ratio to the first of them.
 */
export async function race(contestants, from, to, { rounds = 9, seconds = 1 } = {}) {
  const blocks = noise(from * seconds)
  const lines = []
  // All are there before the first is timed: compiling one must not be counted against another.
  for (const { open } of contestants) lines.push(await open(from, to))
  const times = contestants.map(() => [])
  for (let round = 0; round < rounds + WARM; round++) {
    lines.forEach((line, index) => {
      const ns = time(() => blocks.forEach((block) => line.push(block))) * 1e6 / (blocks.length * BLOCK)
      if (round >= WARM) times[index].push(ns)
    })
  }
  return contestants.map(({ name }, index) => ({
    name, ns: median(times[index]), ratio: median(times[index].map((time, round) => time / times[0][round])),
  }))
}

/**
 * What the audio thread spends, as shares of a core: the very courier with its module, block after block as a context
 * at `rate` would call it, and the voice detector in its Worker. `source` is the text of worklet.js.
 */
export function load(source, module, vad, rate, { rounds = 9, seconds = 4 } = {}) {
  const scope = new Scope(source, rate)
  const [microphone, player] = [scope.node('vivavoce-recorder', module), scope.node('vivavoce-player', module)]
  const blocks = noise(rate * seconds)
  const [input, output] = [[blocks[0]], [[new Float32Array(BLOCK)], [new Float32Array(BLOCK), new Float32Array(BLOCK)]]]
  const shares = { capture: [], playback: [], vad: [] }
  let position = 0
  player.peer.postMessage({ type: 'thresholds', start: 0, restart: 0 })
  const voice = Int16Array.from({ length: 960 }, (_, i) => 8000 * Math.sin(i * Math.PI / 10))
  const talk = () => {
    player.peer.postMessage({ type: 'play', epoch: 1, position, pcm: voice.buffer.slice(0) })
    position += voice.length
  }
  // So much ahead that it never slows down for want of voice.
  for (let piece = 0; piece < 50; piece++) talk()
  for (let round = 0; round < rounds + WARM; round++) {
    const keep = (who, time_ms) => { if (round >= WARM) shares[who].push(time_ms / 1000 / seconds) }
    keep('capture', time(() => {
      for (const block of blocks) {
        input[0] = block
        microphone.processor.process([input], [output[0]])
      }
    }))
    // The voice comes in messages of 40 ms, whose copying is the player's work too.
    const every = Math.floor(0.04 * rate / BLOCK)
    keep('playback', time(() => {
      for (let i = 0; i < blocks.length; i++) {
        player.processor.process([], [output[1]])
        if (i % every === 0) talk()
      }
    }))
    if (vad) keep('vad', time(() => listen(vad, seconds)))
  }
  const result = Object.fromEntries(Object.entries(shares).filter(([, all]) => all.length > 0).map(([who, all]) => [who, median(all)]))
  return { ...result, together: Object.values(result).reduce((sum, share) => sum + share, 0) }
}

/** The voice detector over noise, 20 ms at a time as the Worker hands it on. */
function listen(calls, seconds) {
  const area = new Int16Array(calls.memory.buffer, calls.samples_area(), 320)
  let state = 1
  for (let frame = 0; frame < 50 * seconds; frame++) {
    for (let i = 0; i < 320; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      area[i] = (state >>> 16) - 32768 >> 2
    }
    calls.vad_push(320, 0)
  }
}

/** What worklet.js finds around it, with ports that only carry. */
class Scope {
  #processors = {}
  #ports = []

  constructor(source, sampleRate) {
    const ports = this.#ports
    class AudioWorkletProcessor {
      port = ports.pop()
    }
    const register = (name, processor) => { this.#processors[name] = processor }
    new Function('AudioWorkletProcessor', 'registerProcessor', 'sampleRate', 'currentFrame', 'currentTime', source)(
      AudioWorkletProcessor, register, sampleRate, 0, 0)
  }

  node(name, module) {
    this.#ports.push(new Port())
    const processor = new this.#processors[name]({ processorOptions: { module } })
    const [near, peer] = [new Port(), new Port()]
    near.other = peer
    peer.other = near
    processor.port.onmessage({ data: { type: 'link', port: near } })
    // The Worker gives every frame's buffer back.
    peer.onmessage = ({ data }) => { if (data.type === 'frame') peer.postMessage({ type: 'return', pcm: data.pcm }) }
    return { processor, peer }
  }
}

class Port {
  postMessage(data) {
    this.other?.onmessage?.({ data })
  }

  close() {}
}

/** The milliseconds that something takes: of the processor where that can be told, or else of the clock. */
function time(act) {
  const begun = now()
  act()
  return now() - begun
}

/** In Node the time in which other programs had the processor is not counted; a page cannot tell. */
const now = globalThis.process?.cpuUsage
  ? () => Object.values(process.cpuUsage()).reduce((sum, us) => sum + us) / 1000
  : () => performance.now()

function noise(count) {
  let state = 1
  const sample = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 16777216 - 0.5
  }
  return Array.from({ length: Math.floor(count / BLOCK) }, () => Float32Array.from({ length: BLOCK }, sample))
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** Rounds that only warm the compilers up. */
const WARM = 3
