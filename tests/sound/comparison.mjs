// Is what was heard what was said? Delay and loudness aside, and allowing for clocks that differ a little.

import { findIn } from './fourier.mjs'
import { decibels, rms, shifted } from './signal.mjs'

/**
 * Lays `said` into `heard` (same rate, Hz) and measures what differs.
 *
 * Every stretch of 100 ms that carries sound is aligned on its own to a fraction of a sample, because two sound
 * clocks never agree; a step between neighbours larger than clocks explain is a `jump`: samples lost or repeated.
 *
 * @returns {{ delay: number, correlation: number, gain: number, level: number, snr_db: number, median_db: number, drift_ppm: number,
 *   jumps: { at_s: number, samples: number }[], segments: { at: number, delay: number, snr_db: number }[] }}
 *   delay in samples; correlation of the aligned stretches together, −1…1; gain as amplitude ratio, that of the median
 *   stretch; level likewise, but of the powers, which a jump within a stretch leaves alone; SNR with that one gain for the
 *   whole; `median_db` is the SNR of the median stretch, which a jump elsewhere leaves alone
 */
export function compare(said, heard, rate) {
  const { lag } = findIn(heard, said)
  const aligned = segments(said, heard, lag, rate)
  if (aligned.length === 0) return { delay: lag, correlation: 0, gain: 0, level: 0, snr_db: -Infinity, median_db: -Infinity, drift_ppm: 0, jumps: [], segments: [] }
  const gain = median(aligned.map(({ cross, saidPower }) => cross / saidPower))
  const error = aligned.map(({ heardPower, saidPower, cross }) => heardPower - 2 * gain * cross + gain ** 2 * saidPower)
  const signal = aligned.map(({ saidPower }) => gain ** 2 * saidPower)
  const { drift, jumps } = walk(aligned, rate)
  const each = signal.map((power, i) => decibels(Math.sqrt(power / Math.max(1e-12, error[i]))))
  return {
    delay: aligned[0].delay,
    correlation: total(aligned, 'cross') / Math.sqrt(total(aligned, 'saidPower') * total(aligned, 'heardPower') || 1),
    gain,
    level: median(aligned.map(({ heardPower, saidPower }) => Math.sqrt(heardPower / saidPower))),
    snr_db: decibels(Math.sqrt(sum(signal) / Math.max(1e-12, sum(error)))),
    median_db: median(each),
    drift_ppm: drift * 1e6,
    jumps,
    segments: aligned.map((segment, i) => ({ at: segment.at, delay: segment.delay, snr_db: each[i] })),
  }
}

/** The stretches of `said` that carry sound, each with its own delay and the products that SNR needs. */
function segments(said, heard, lag, rate) {
  const length = Math.round(SEGMENT_S * rate)
  const floor = rms(said) * QUIET
  const found = []
  let near = lag
  for (let start = 0; start + length <= said.length; start += length) {
    if (rms(said, start, start + length) < floor) continue
    const piece = said.subarray(start, start + length)
    const segment = align(piece, heard, start + near, rate)
    found.push({ ...segment, at: start, delay: segment.delay - start })
    near = Math.round(segment.delay - start)
  }
  return found
}

/**
 * Where near `guess` a piece lies best in `heard`: right there if it fits, else wherever in reach it fits better, else
 * farther away, if it fits there beyond doubt: once more is lost than the reach, all that follows would be.
 */
function align(piece, heard, guess, rate) {
  const here = refine(piece, heard, guess)
  if (here.fit > FITS) return here
  const near = search(piece, heard, guess, REACH_S * rate)
  const best = near.fit > here.fit + (1 - FITS) ? near : here
  if (best.fit > FITS) return best
  const far = search(piece, heard, guess, FAR_S * rate)
  return far.fit > FITS ? far : best
}

/** Where a piece lies best within reach of a guess. */
function search(piece, heard, guess, reach) {
  const from = Math.max(0, Math.round(guess - reach))
  const window = heard.subarray(from, Math.max(from, Math.round(guess + reach) + piece.length))
  return refine(piece, heard, from + findIn(window, piece).lag)
}

/** The delay to a thousandth of a sample, from one that is good to a sample or two; `fit` is the correlation there. */
function refine(piece, heard, guess) {
  let [low, high] = [guess - 2, guess + 2]
  for (let i = 0; i < SECTIONS; i++) {
    const [left, right] = [low + (high - low) * 0.382, low + (high - low) * 0.618]
    if (products(piece, heard, left).fit < products(piece, heard, right).fit) low = left
    else high = right
  }
  const delay = (low + high) / 2
  return { delay, ...products(piece, heard, delay) }
}

/** Powers and cross product of a piece with what stands in `heard` at a delay in fractions of a sample. */
function products(piece, heard, delay) {
  const there = shifted(heard, delay, piece.length)
  let [cross, heardPower, saidPower] = [0, 0, 0]
  for (let i = 0; i < piece.length; i++) {
    cross += piece[i] * there[i]
    heardPower += there[i] * there[i]
    saidPower += piece[i] * piece[i]
  }
  return { cross, heardPower, saidPower, fit: cross / Math.sqrt(heardPower * saidPower || 1) }
}

/** How the delay moves: its steady drift (samples a sample) and the steps that no clock makes. */
function walk(aligned, rate) {
  const jumps = []
  for (let i = 1; i < aligned.length; i++) {
    const step = aligned[i].delay - aligned[i - 1].delay
    if (Math.abs(step) > JUMP_S * rate) jumps.push({ at_s: aligned[i].at / rate, samples: step })
  }
  const [first, last] = [aligned[0], aligned.at(-1)]
  const drift = last.at > first.at ? (last.delay - first.delay) / (last.at - first.at) : 0
  return { drift, jumps }
}

const sum = values => values.reduce((all, value) => all + value, 0)
const total = (items, key) => sum(items.map(item => item[key]))
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1]

const SEGMENT_S = 0.1
// A stretch 20 dB below the whole is breath and reverberation, whose alignment means nothing.
const QUIET = 0.1
// A stretch may lie this much beside its predecessor: lost or repeated buffers are found, and not mistaken for noise.
const REACH_S = 0.1
// More than this no busy machine loses at once.
const FAR_S = 1
// Clocks that differ by 0.1 % move 0.2 ms in a segment; the shortest loss worth a name is longer.
const JUMP_S = 0.0005
// Golden section from four samples to a thousandth.
const SECTIONS = 18
// A piece that correlates this well is in its place; one elsewhere must be clearly better to be believed.
const FITS = 0.97
