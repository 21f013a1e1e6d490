// What the threads of a call spend on sound: long runs of it, pushed as fast as they take it.

import { BLOCK } from './quality.mjs'
import { noise, time } from './speed.mjs'

/** The most that capture, playback and the voice detector may take together, as a share of a core. */
export const TARGET = 0.006

/**
 * Shares of a core: of each the run that took least of `runs`, each of `sound_s` seconds, since what disturbs one only adds
 * to it. `capture`, `playback` and `hear` give the share that they took, `stream` what the recorder made of the same sound.
 */
export async function load(threads, { runs, sound_s }) {
  const pcm = await threads.stream(sound_s)
  const least = { capture: Infinity, playback: Infinity, vad: Infinity }
  for (let run = 0; run < runs; run++) {
    least.capture = Math.min(least.capture, await threads.capture(sound_s))
    least.playback = Math.min(least.playback, await threads.playback(sound_s))
    least.vad = Math.min(least.vad, await threads.hear(pcm))
  }
  return { ...least, together: least.capture + least.playback + least.vad }
}

/**
 * The audio thread's work: the very courier with its module, block after block as a context at `rate` would call it.
 * `source` is the text of worklet.js.
 */
export class Sound {
  #rate
  #blocks
  #microphone
  #player
  #played_s = 0
  #said = 0
  /** The frames that the recorder sends, where somebody wants them. */
  #frames

  constructor(source, module, rate) {
    const scope = new Scope(source, rate)
    this.#rate = rate
    this.#blocks = noise(rate)
    this.#microphone = scope.node('vivavoce-recorder', module)
    this.#player = scope.node('vivavoce-player', module)
    this.#microphone.peer.onmessage = ({ data }) => this.#take(data)
    this.#player.peer.postMessage({ type: 'thresholds', start: 0, restart: 0 })
    this.#talk()
  }

  /** The share of a core that recording takes. */
  capture(seconds) {
    const [count, inputs, outputs] = [this.#count(seconds), [[]], [[new Float32Array(BLOCK)]]]
    return this.#share(count, () => {
      for (let i = 0; i < count; i++) {
        inputs[0][0] = this.#blocks[i % this.#blocks.length]
        this.#microphone.processor.process(inputs, outputs)
      }
    })
  }

  /** The share that playing takes. The voice comes in messages of 40 ms, whose copying is the player's work too. */
  playback(seconds) {
    const [count, outputs] = [this.#count(seconds), [[new Float32Array(BLOCK), new Float32Array(BLOCK)]]]
    return this.#share(count, () => {
      for (let i = 0; i < count; i++) {
        this.#player.processor.process([], outputs)
        this.#played_s += BLOCK / this.#rate
        this.#talk()
      }
    })
  }

  /** What the recorder makes of as much sound: 16-bit PCM of 16 kHz. */
  stream(seconds) {
    this.#frames = []
    this.capture(seconds)
    const pcm = new Uint8Array(this.#frames.flatMap((frame) => [...frame]))
    this.#frames = undefined
    return pcm
  }

  /** The Worker gives every frame's buffer back. */
  #take({ type, pcm }) {
    if (type !== 'frame') return
    this.#frames?.push(new Uint8Array(pcm.slice(0)))
    this.#microphone.peer.postMessage({ type: 'return', pcm })
  }

  /** So much ahead that it never slows down for want of voice. */
  #talk() {
    while (this.#said / VOICE_HZ < this.#played_s + AHEAD_S) {
      this.#player.peer.postMessage({ type: 'play', epoch: 1, position: this.#said, pcm: VOICE.buffer.slice(0) })
      this.#said += VOICE.length
    }
  }

  #count(seconds) {
    return Math.floor(seconds * this.#rate / BLOCK)
  }

  #share(count, act) {
    return time(act) / 1000 / (count * BLOCK / this.#rate)
  }
}

/** The share of a core that the voice detector takes to hear 16-bit PCM of 16 kHz, hop by hop. */
export function listen(ear, pcm) {
  const hops = Array.from({ length: Math.floor(pcm.length / HOP_BYTES) }, (_, i) => pcm.subarray(i * HOP_BYTES, (i + 1) * HOP_BYTES))
  return time(() => hops.forEach((hop) => ear.push(hop, false))) / 1000 / (hops.length * HOP_S)
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
    return { processor, peer }
  }
}

class Port {
  postMessage(data) {
    this.other?.onmessage?.({ data })
  }

  close() {}
}

/** A piece of voice of 40 ms. */
const VOICE_HZ = 24_000
const VOICE = Int16Array.from({ length: 960 }, (_, i) => 8000 * Math.sin(i * Math.PI / 10))

/** The voice that waits in the player. */
const AHEAD_S = 2

/** 256 samples: what the detector's network hears at a time. */
const HOP_BYTES = 512
const HOP_S = 0.016
