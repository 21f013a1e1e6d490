// How good a resampler is, measured with tones: the definitions of crates/dsp/tests/resampling.rs, for whatever
// turns samples into samples.

/**
 * Judges a road from a microphone of `from` Hz to `to` Hz. `run(samples)` gives what comes out when they go in,
 * possibly after what went in before.
 */
export async function judgeCapture(run, from, to) {
  const measure = (hz) => toneThrough(run, from, to, hz)
  const nyquist = from / 2
  let ripple_db = 0
  for (const hz of tones(100, Math.min(6900, 0.86 * nyquist))) ripple_db = Math.max(ripple_db, Math.abs((await measure(hz)).gain_db))
  let [near_db, far_db] = [-Infinity, -Infinity]
  for (let hz = 8025; hz < Math.min(9000, nyquist); hz += 25) near_db = Math.max(near_db, (await measure(hz)).level_db)
  for (const hz of tones(9000, nyquist - 10)) far_db = Math.max(far_db, (await measure(hz)).level_db)
  return { ripple_db, edge_hz: await edge(measure, Math.min(8000, nyquist)), alias_near_db: near_db, alias_far_db: far_db, ...await delay(run, from, to) }
}

/** Judges a road from 24 kHz to a loudspeaker. */
export async function judgePlayback(run, from, to) {
  const measure = (hz) => toneThrough(run, from, to, hz)
  let [ripple_db, image_db] = [0, -Infinity]
  for (const hz of tones(100, 9600)) {
    const { gain_db, rest_db } = await measure(hz)
    if (hz <= 6900) ripple_db = Math.max(ripple_db, Math.abs(gain_db))
    image_db = Math.max(image_db, rest_db)
  }
  return { ripple_db, edge_hz: await edge(measure, 12000), image_db, ...await delay(run, from, to) }
}

/** What becomes of a tone at −6 dBFS, in dB relative to it: itself, all that comes out, and all beside it. */
async function toneThrough(run, from, to, hz) {
  const count = Math.round(TONE_S * to)
  const input = Float32Array.from({ length: Math.ceil((SETTLE_S + TONE_S) * from) + 2 * BLOCK }, (_, i) => 0.5 * Math.sin(2 * Math.PI * hz * i / from))
  const output = (await run(input)).slice(-count)
  const [cosine, sine] = fit(output, to, hz)
  let [rest, level] = [0, 0]
  output.forEach((sample, i) => {
    const angle = 2 * Math.PI * hz * i / to
    rest += (sample - cosine * Math.cos(angle) - sine * Math.sin(angle)) ** 2
    level += sample ** 2
  })
  const db = (power) => 10 * Math.log10(power / 0.125 + 1e-20)
  return { gain_db: db((cosine ** 2 + sine ** 2) / 2), level_db: db(level / output.length), rest_db: db(rest / output.length) }
}

/** Least squares of a tone's cosine and sine parts. */
function fit(output, rate, hz) {
  let [cc, ss, cs, cy, sy] = [0, 0, 0, 0, 0]
  output.forEach((y, i) => {
    const angle = 2 * Math.PI * hz * i / rate
    const [c, s] = [Math.cos(angle), Math.sin(angle)]
    cc += c * c
    ss += s * s
    cs += c * s
    cy += c * y
    sy += s * y
  })
  const det = cc * ss - cs * cs
  return [(cy * ss - sy * cs) / det, (sy * cc - cy * cs) / det]
}

/** The lowest frequency at which a tone is a decibel down, to a hertz or two; `top` if none is. */
async function edge(measure, top) {
  let low = 3000
  while (low < top && (await measure(Math.min(low + 250, top - 10))).gain_db > -1) low += 250
  if (low >= top) return top
  let high = Math.min(low + 250, top - 10)
  while (high - low > 2) {
    const middle = (low + high) / 2
    if ((await measure(middle)).gain_db > -1) low = middle
    else high = middle
  }
  return Math.round(low)
}

/**
 * How much later a sound comes out than it went in: `filter_ms`, by the middle of a short 1 kHz burst on the output's
 * own clock, which starts with the first sample out. The waiting for whole frames or chunks comes on top; see `waiting`.
 */
async function delay(run, from, to) {
  const [middle_s, width_s] = [0.3, 0.002]
  const input = Float32Array.from({ length: Math.ceil(0.6 * from / BLOCK) * BLOCK }, (_, i) => {
    const t = i / from - middle_s
    return 0.5 * Math.exp(-(t ** 2) / (2 * width_s ** 2)) * Math.sin(2 * Math.PI * 1000 * t)
  })
  const output = await run(input, { isFresh: true })
  const peak = output.reduce((best, sample, i) => Math.abs(sample) > Math.abs(output[best]) ? i : best, 0)
  let [moment, sum] = [0, 0]
  for (let i = Math.max(0, peak - Math.round(0.012 * to)); i < Math.min(output.length, peak + Math.round(0.012 * to)); i++) {
    moment += i * output[i] ** 2
    sum += output[i] ** 2
  }
  return { filter_ms: 1000 * (moment / sum / to - middle_s) }
}

/** The longest that the output lags behind the input, in milliseconds, when 128 samples come at a time. */
export function waiting(line, from, to) {
  const block = new Float32Array(BLOCK)
  let [into, out, most] = [0, 0, 0]
  while (into < from) {
    into += BLOCK
    out += line.push(block).length
    most = Math.max(most, into / from - (out + 1) / to)
  }
  return 1000 * most
}

/** Pushes samples through a line, a block at a time, and gives all that comes out. */
export function through(line, samples) {
  const pieces = []
  for (let start = 0; start + BLOCK <= samples.length; start += BLOCK) pieces.push(line.push(samples.subarray(start, start + BLOCK)).slice())
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** Every 211 Hz between, both ends included. */
function tones(low, high) {
  if (high <= low) return []
  return [...Array.from({ length: Math.floor((high - low) / 211) + 1 }, (_, step) => low + 211 * step), high]
}

/** The length of a render quantum. */
export const BLOCK = 128

/** After this long nothing is left of what came before: more than the longest filter and chunk of all. */
const SETTLE_S = 0.12

/** Long enough to tell 50 Hz apart. */
const TONE_S = 0.05
