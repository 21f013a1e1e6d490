// What is measured in Node and in a page alike.

import { load } from './load.mjs'
import { judgeCapture, judgePlayback, through, waiting } from './quality.mjs'
import { race } from './speed.mjs'

/** The roads that are judged: microphones to the service, the service to loudspeakers. */
export const ROADS = [[48000, 16000], [44100, 16000], [24000, 48000], [24000, 44100]]

/** Judges every contestant on every road: `{ from, to, rows }`. */
export async function judge(contestants) {
  const found = []
  for (const [from, to] of ROADS) {
    const rows = []
    for (const { name, open } of takingPart(contestants, to)) {
      let line = await open(from, to)
      const run = async (samples, { isFresh } = {}) => {
        if (isFresh) line = await open(from, to)
        return line.play ? line.play(samples) : through(line, samples)
      }
      const quality = to === 16000 ? await judgeCapture(run, from, to) : await judgePlayback(run, from, to)
      rows.push({ name, ...quality, wait_ms: Math.max(0, line.play ? 0 : waiting(await open(from, to), from, to)) })
    }
    found.push({ from, to, rows })
  }
  return found
}

/** Races the contestants on every road, and loads the threads of a call; `threads(rate)` opens those. */
export async function hurry(contestants, threads, how) {
  const loads = []
  for (const rate of [48000, 44100]) loads.push({ rate, ...await load(await threads(rate), how) })
  const races = []
  for (const [from, to] of ROADS) races.push({ from, to, rows: await race(takingPart(contestants, to), from, to, how) })
  return { races, loads }
}

/** The handbook's processor only records. */
const takingPart = (contestants, to) => contestants.filter(({ plays = true }) => plays || to === 16000)
