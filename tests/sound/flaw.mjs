// What an ear minds in a recording: holes, clicks, the wrong pitch.

import { decibels, highPass, rms } from './signal.mjs'

/**
 * The holes in `heard`: stretches of at least `least_ms` in which nothing sounds although `said` (laid over it
 * sample by sample) does.
 * @returns {{ at_s: number, ms: number }[]}
 */
export function gaps(said, heard, rate, least_ms = 5) {
  const step = Math.round(rate / 1000)
  const loud = rms(said)
  const found = []
  let open
  for (let start = 0; start + step <= Math.min(said.length, heard.length); start += step) {
    const silent = rms(heard, start, start + step) < loud * SILENCE && sounding(said, start, step) > loud * SOUND &&
      least(said, start, step) > 2 * loud * SILENCE
    if (silent) open = open ? { ...open, ms: open.ms + 1 } : { at_s: start / rate, ms: 1 }
    else if (open) {
      if (open.ms >= least_ms) found.push(open)
      open = undefined
    }
  }
  if (open && open.ms >= least_ms) found.push(open)
  return found
}

/**
 * The clicks in `heard`: milliseconds with far more above 4 kHz than `said` (laid over it, times `gain`) has
 * anywhere near.
 * @returns {{ at_s: number, level: number }[]} the level as amplitude, −1…1
 */
export function clicks(said, heard, rate, gain = 1) {
  const step = Math.round(rate / 1000)
  const [expected, found] = [highPass(said, CLICK_HZ, rate), highPass(heard, CLICK_HZ, rate)]
  const list = []
  for (let start = 0; start + step <= Math.min(said.length, heard.length); start += step) {
    const near = around(expected, start, step) * gain
    const level = rms(found, start, start + step)
    if (level > CLICK_LEAST && level > CLICK_FACTOR * near) list.push({ at_s: start / rate, level })
  }
  return list
}

/**
 * How loud the loudest click is: the most that 2 ms of `heard` have above 4 kHz beside what `said` (laid over it to a
 * fraction of a sample, of the same loudness) has there, in dB of the loudness of the whole.
 */
export function clickLevel(said, heard, rate) {
  const length = Math.min(said.length, heard.length)
  const beside = highPass(Float32Array.from({ length }, (_, i) => heard[i] - said[i]), CLICK_HZ, rate)
  const [window, step] = [Math.round(0.002 * rate), Math.round(0.0005 * rate)]
  let most = 0
  // At both ends the filter's own edges would be heard.
  for (let start = window; start + 2 * window <= length; start += step) most = Math.max(most, rms(beside, start, start + window))
  return decibels(most / rms(said))
}

/**
 * The pitch in Hz: the median over the frames that have one, by normalised autocorrelation from 60 to 600 Hz.
 * `undefined` where no frame has one.
 */
export function pitch(samples, rate) {
  const length = Math.round(0.05 * rate)
  const loud = rms(samples)
  const found = []
  for (let start = 0; start + 2 * length <= samples.length; start += length) {
    if (rms(samples, start, start + length) < loud / 2) continue
    const frequency = framePitch(samples, start, length, rate)
    if (frequency) found.push(frequency)
  }
  return found.sort((a, b) => a - b)[found.length >> 1]
}

/**
 * How much higher `heard` is than `said` (laid over it sample by sample): the median over the frames that have a pitch in both. A piece
 * that is missing or torn spoils its own frames alone.
 * `undefined` where no frame has one in both.
 */
export function pitchRatio(said, heard, rate) {
  const [length, both] = [Math.round(0.05 * rate), Math.min(said.length, heard.length)]
  const [loud, loudly] = [rms(said, 0, both), rms(heard, 0, both)]
  const found = []
  for (let start = 0; start + 2 * length <= both; start += length) {
    if (rms(said, start, start + length) < loud / 2 || rms(heard, start, start + length) < loudly / 2) continue
    const [there, here] = [said, heard].map(samples => framePitch(samples, start, length, rate))
    if (there && here) found.push(here / there)
  }
  return found.sort((a, b) => a - b)[found.length >> 1]
}

/** How loud it is both before and after a millisecond: the edge of a pause is not within a sound. */
function sounding(samples, start, step) {
  const reach = 10 * step
  const before = rms(samples, Math.max(0, start - reach), start + step)
  return Math.min(before, rms(samples, start, Math.min(samples.length, start + step + reach)))
}

/** The quietest of a millisecond and its neighbours. */
function least(samples, start, step) {
  const levels = [-1, 0, 1].map(k => start + k * step).filter(from => from >= 0 && from + step <= samples.length)
  return Math.min(...levels.map(from => rms(samples, from, from + step)))
}

/** The loudest of a millisecond and its eight neighbours on each side: alignment is not exact to the sample. */
function around(samples, start, step) {
  let most = 0
  for (let k = -8; k <= 8; k++) {
    const from = start + k * step
    if (from >= 0 && from + step <= samples.length) most = Math.max(most, rms(samples, from, from + step))
  }
  return most
}

function framePitch(samples, start, length, rate) {
  const score = lag => {
    let [cross, a, b] = [0, 0, 0]
    for (let i = start; i < start + length; i++) {
      cross += samples[i] * samples[i + lag]
      a += samples[i] ** 2
      b += samples[i + lag] ** 2
    }
    return cross / Math.sqrt(a * b || 1)
  }
  const scores = []
  for (let lag = Math.floor(rate / 600); lag <= Math.ceil(rate / 60); lag++) scores.push([lag, score(lag)])
  const most = Math.max(...scores.map(([, value]) => value))
  if (most < VOICED) return undefined
  // The first peak nearly as high as the highest: the period itself rather than a multiple of it.
  const i = scores.findIndex(([, value], k) => value > 0.93 * most &&
    value >= (scores[k - 1]?.[1] ?? -1) && value >= (scores[k + 1]?.[1] ?? -1))
  return rate / vertex(scores, i)
}

/** The top of the parabola through a peak and its neighbours, as a lag. */
function vertex(scores, i) {
  const [lag, mid] = scores[i]
  const [left, right] = [scores[i - 1]?.[1] ?? mid, scores[i + 1]?.[1] ?? mid]
  const bend = left - 2 * mid + right
  return bend === 0 ? lag : lag + 0.5 * (left - right) / bend
}

// Against the whole's loudness: 46 dB below is silence, 26 dB below is still a sound.
const SILENCE = 0.005
const SOUND = 0.05
// A step of 1 % of full scale has more than this above 4 kHz within its millisecond; noise at −60 dB has not.
const CLICK_LEAST = 0.001
const CLICK_FACTOR = 4
const CLICK_HZ = 4000
const VOICED = 0.6
