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

/** The milliseconds that something takes: of the processor where that can be told, or else of the clock. */
export function time(act) {
  const begun = tick()
  act()
  return now() - begun
}

/**
 * In Node the time in which other programs had the processor is not counted; a page cannot tell, and its audio thread
 * has whole milliseconds alone.
 */
const now = globalThis.process?.cpuUsage
  ? () => Object.values(process.cpuUsage()).reduce((sum, us) => sum + us) / 1000
  : () => (globalThis.performance ?? Date).now()

/** The moment at which the clock goes on: what is timed from there is at most one of its steps too short. */
function tick() {
  const before = now()
  let after = before
  while (after === before) after = now()
  return after
}

/** So much noise, as blocks. */
export function noise(count) {
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
