// All that resamples, behind one shape: `open(from, to)` gives a line whose `push(block)` gives what that block completed.
// Lines have nothing in common, so that many may be open. Runs in Node and in a page.

import { BLOCK } from './quality.mjs'

/** Our own lines, as shipped: scalar WebAssembly. */
export function ours(module) {
  return { name: 'vivavoce', open: (from, to) => (to === 16000 ? recorder(module, from) : player(module, to)) }
}

/**
 * The handbook's processor: what comes is kept until there are 1,024 samples, cut to 16 bits towards zero and
 * posted; its function for other rates then takes the sample at or before each moment. It has none for playback.
 */
export function seed() {
  return { name: 'handbook', plays: false, open: handbook }
}

/** Every resampler that rubato recommends for streams, built with simd128. */
export function rubato(module) {
  return RUBATO.map((name, kind) => ({ name: `rubato ${name}`, open: (from, to) => rubatoLine(module, kind, from, to) }))
}

/** libsamplerate's converters, as an npm package has them compiled; `create` is the package's. */
export function libsamplerate({ create, ConverterType }) {
  return LIBSAMPLERATE.map((name) => ({
    name: `libsamplerate ${name.toLowerCase()}`,
    open: async (from, to) => converter(await create(1, from, to, { converterType: ConverterType[`SRC_SINC_${name}`] }), from, to),
  }))
}

/** The recorder with all it does: mixing, resampling, the DC block, levels, 16 bits, frames of 20 ms. */
function recorder(module, from) {
  const { calls, floats, shorts } = instance(module)
  calls.recorder_init(from)
  const input = floats(calls.input_area(), BLOCK)
  const frames = shorts(calls.frames_area(), 320 * calls.frames_capacity())
  const output = new Float32Array(frames.length)
  return {
    push(block) {
      input.set(block)
      const count = 320 * calls.recorder_push(1, BLOCK)
      for (let i = 0; i < count; i++) output[i] = frames[i] / 32768
      return output.subarray(0, count)
    },
  }
}

/** The player with all it does: turns, the ring, the gates, resampling, the limiter, levels. */
function player(module, to) {
  const { calls, floats, shorts } = instance(module)
  calls.player_init(to)
  calls.player_thresholds(0, 0)
  const voice = shorts(calls.voice_area(), calls.voice_capacity())
  const output = floats(calls.output_area(), calls.output_capacity())
  let [epoch, position, owed] = [1, 0, 0]
  const give = (samples) => {
    for (let i = 0; i < samples.length; i++) voice[i] = Math.round(samples[i] * 32768)
    calls.player_push(epoch, position, samples.length)
    position += samples.length
  }
  const pull = (count) => {
    calls.player_pull(count)
    return output.subarray(0, count)
  }
  return {
    /** Keeps pace with what comes, two seconds behind, for the player slows down when it has little. */
    push(block) {
      while (position < 48000) give(new Float32Array(12000))
      give(block)
      owed += block.length * to / 24000
      const count = Math.floor(owed)
      owed -= count
      return pull(count)
    },
    /** Plays one turn, but for its fade at the end. */
    play(samples) {
      for (let start = 0; start < samples.length; start += voice.length) give(samples.subarray(start, start + voice.length))
      calls.player_end(epoch, position)
      const played = new Float32Array(Math.floor((samples.length / 24000 - FADE_S) * to))
      for (let at = 0; at < played.length; at += BLOCK) played.set(pull(Math.min(BLOCK, played.length - at)), at)
      for (let rest = 0; rest < 2 * FADE_S * to; rest += BLOCK) pull(BLOCK)
      ;[epoch, position] = [epoch + 1, 0]
      return played
    },
  }
}

/** More than the player needs to fade out. */
const FADE_S = 0.04

function handbook(from, to) {
  const [buffer, cut] = [new Float32Array(1024), new Int16Array(1024)]
  let filled = 0
  const ratio = from / to
  const output = new Float32Array(Math.ceil(1024 / ratio) + 1)
  return {
    push(block) {
      let count = 0
      for (const sample of block) {
        buffer[filled++] = sample
        if (filled < buffer.length) continue
        filled = 0
        for (let i = 0; i < cut.length; i++) cut[i] = Math.max(-1, Math.min(1, buffer[i])) * 0x7fff
        count = Math.round(cut.length / ratio)
        for (let i = 0; i < count; i++) output[i] = cut[Math.floor(i * ratio)] / 0x7fff
      }
      return output.subarray(0, count)
    },
  }
}

function rubatoLine(module, kind, from, to) {
  const { calls, floats } = instance(module)
  if (!calls.open(kind, from, to)) throw new Error(`rubato has no ${RUBATO[kind]} from ${from} to ${to} Hz`)
  let [input, output] = []
  return {
    push(block) {
      // Its memory may grow, and then all views are gone.
      if (!input?.length) [input, output] = [floats(calls.input_area(), BLOCK), floats(calls.output_area(), 8 * 4096)]
      input.set(block)
      const count = calls.push(BLOCK)
      if (!output.length) output = floats(calls.output_area(), 8 * 4096)
      return output.subarray(0, count)
    },
  }
}

function converter(src, from, to) {
  const output = new Float32Array(2 * Math.ceil(BLOCK * to / from) + 64)
  const made = { frames: 0 }
  return {
    push(block) {
      src.full(block, output, made)
      return output.subarray(0, made.frames)
    },
  }
}

function instance(module) {
  const calls = new WebAssembly.Instance(module).exports
  return {
    calls,
    floats: (at, count) => new Float32Array(calls.memory.buffer, at, count),
    shorts: (at, count) => new Int16Array(calls.memory.buffer, at, count),
  }
}

/** In the order of `KINDS` in `bench/rubato/src/lib.rs`. */
const RUBATO = ['fft 128', 'fft 480', 'fft 1024 both', 'sinc 128', 'sinc 256']

const LIBSAMPLERATE = ['FASTEST', 'MEDIUM_QUALITY', 'BEST_QUALITY']
