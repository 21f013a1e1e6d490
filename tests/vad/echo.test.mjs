// The person is heard over the model, and the model's echo is not taken for the person: five minutes and a hundred
// words each, at one setting of the detector.

import assert from 'node:assert/strict'
import test from 'node:test'
import { Ear } from './ear.mjs'
import { interruptions, judge, modelSpeech, scene } from './scene.mjs'

const ROOMS = [{ delay_ms: 80 }, { delay_ms: 165 }, { delay_ms: 250 }, { delay_ms: 120, room: true }]

const speech = { model: modelSpeech(), people: interruptions() }

/** By echo: false begins, and milliseconds from onset to decision at the median and the 95th percentile, at most. */
const LIMITS = [[-20, 4, 100, 260], [-30, 0, 90, 175], [-40, 0, 90, 175]]

for (const [echo_db, mostWrong, median_ms, late_ms] of LIMITS) {
  test(`an echo of ${echo_db} dB is told from the person`, (t) => {
    const found = ROOMS.map((room, index) => {
      const { pcm, sounding, said } = scene(speech, { echo_db, seed: 2026 + index, ...room })
      const { wrong, missed, delays } = judge(new Ear().hear(pcm, (i) => sounding[i] === 1), said)
      t.diagnostic(`${echo_db} dB, ${room.delay_ms} ms${room.room ? ', a room' : ''}: ${wrong} false, ${missed} of ${said.length} missed, ` +
        `onset to decision ${Math.round(at(delays, 0.5))} ms at the median, ${Math.round(at(delays, 0.95))} at the 95th percentile`)
      return { wrong, missed, delays, said }
    })
    const sum = (key) => found.reduce((total, one) => total + one[key], 0)
    const delays = found.flatMap((one) => one.delays).sort((a, b) => a - b)
    const words = found.reduce((total, { said }) => total + said.length, 0)
    assert.equal(words, 400)
    assert.ok(sum('wrong') <= mostWrong, `${sum('wrong')} begins where nobody spoke`)
    assert.ok(sum('missed') <= 0.05 * words, `${sum('missed')} of ${words} missed`)
    assert.ok(at(delays, 0.5) <= median_ms, `${at(delays, 0.5)} ms at the median`)
    assert.ok(at(delays, 0.95) <= late_ms, `${at(delays, 0.95)} ms at the 95th percentile`)
  })
}

test('with the model alone at the loudspeaker nobody is heard', () => {
  const { pcm, sounding } = scene(speech, { echo_db: -20, delay_ms: 200, seed: 7, count: 0 })
  assert.deepEqual(new Ear().hear(pcm, (i) => sounding[i] === 1), [])
})

function at(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]
}
