// The parts of a sound that was interrupted by silence, and where each belongs.

import { compare } from './comparison.mjs'
import { findIn } from './fourier.mjs'

/** The stretches of sound between silences of at least 100 ms: the frames `from` (the first) and `to` (after the last). */
export function sounding({ samples, rate }) {
  const parts = []
  samples.forEach((sample, at) => {
    if (Math.abs(sample) < 0.001) return
    if (parts.length === 0 || at - parts.at(-1).to > 0.1 * rate) parts.push({ from: at, to: at })
    parts.at(-1).to = at + 1
  })
  return parts
}

/** Where in the voice a part begins and ends, in frames, and how like the voice it is between its fades. */
export function place({ from, to }, there, { samples, rate }) {
  const [middle, margin] = [(from + to) >> 1, Math.round(0.01 * rate)]
  const { lag } = findIn(there, samples.subarray(middle, middle + Math.round(0.3 * rate)))
  const [begin, end] = [from, to].map(at => at - middle + lag)
  const { snr_db, jumps } = compare(there.slice(begin + margin, end - margin), samples.subarray(from, to), rate)
  return { begin, end, snr_db, jumps }
}
