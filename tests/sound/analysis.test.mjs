import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from './comparison.mjs'
import { clickLevel, clicks, gaps, pitch, pitchRatio } from './flaw.mjs'
import { findIn } from './fourier.mjs'
import { concat, decibels, highPass, resample, rms, shifted, tone } from './signal.mjs'
import { decodeWav, encodeWav } from './wav.mjs'

const RATE = 16000

test('finds a piece where it lies, also before the beginning', () => {
  const said = babble(1)
  assert.equal(findIn(concat(silence(0.3), said, silence(0.2)), said).lag, 4800)
  assert.equal(findIn(said.subarray(100), said).lag, -100)
  assert.ok(findIn(concat(silence(0.3), said), said).correlation > 0.999)
})

test('measures noise in the SNR that was put in', () => {
  const said = babble(2)
  for (const snr_db of [10, 20, 30, 40]) {
    const noise = rms(said) / 10 ** (snr_db / 20)
    const heard = concat(silence(0.1), said.map(sample => sample + noise * gauss()))
    const measured = compare(said, heard, RATE).snr_db
    assert.ok(Math.abs(measured - snr_db) < 1, `${measured} dB for ${snr_db}`)
  }
})

test('forgives a delay in fractions of a sample, a gain and a clock that is 100 ppm off', () => {
  const said = babble(3)
  const heard = Float32Array.from({ length: said.length + 2000 }, (_, i) =>
    0.4 * shifted(said, (i - 700.37) * 1.0001, 1)[0])
  const result = compare(said, heard, RATE)
  assert.ok(result.snr_db > 33, `${result.snr_db} dB`)
  assert.ok(Math.abs(result.gain - 0.4) < 0.01)
  assert.ok(Math.abs(result.level - 0.4) < 0.01)
  assert.ok(Math.abs(result.drift_ppm + 100) < 15, `${result.drift_ppm} ppm`)
  assert.deepEqual(result.jumps, [])
})

test('sees ten milliseconds that were lost or said twice', () => {
  const said = babble(2)
  const lost = compare(said, concat(said.subarray(0, 16000), said.subarray(16160)), RATE)
  assert.equal(lost.jumps.length, 1)
  assert.ok(Math.abs(lost.jumps[0].samples + 160) < 1 && Math.abs(lost.jumps[0].at_s - 1) < 0.3)
  const twice = compare(said, concat(said.subarray(0, 16000), said.subarray(15840)), RATE)
  assert.ok(Math.abs(twice.jumps[0].samples - 160) < 1)
})

test('follows a voice of which more was lost than it looks for at first', () => {
  const said = babble(3)
  const { jumps, median_db, correlation } = compare(said, concat(said.subarray(0, 16000), said.subarray(20800)), RATE)
  assert.ok(Math.abs(jumps.reduce((sum, { samples }) => sum + samples, 0) + 4800) < 1, JSON.stringify(jumps))
  assert.ok(median_db > 50 && correlation > 0.8, `${median_db} dB, ${correlation}`)
})

test('does not take another sentence for this one', () => {
  const { snr_db, correlation } = compare(babble(2, 0.5), babble(2, 0.9), RATE)
  assert.ok(snr_db < 5 && correlation < 0.7, `${snr_db} dB, ${correlation}`)
})

test('sees a hole in a sound and none in a pause', () => {
  const said = concat(babble(1), silence(0.3), babble(1))
  assert.deepEqual(gaps(said, said, RATE), [])
  const heard = said.slice().fill(0, 8000, 8000 + 320)
  const [hole, ...others] = gaps(said, heard, RATE)
  assert.equal(others.length, 0)
  assert.ok(Math.abs(hole.at_s - 0.5) < 0.003 && Math.abs(hole.ms - 20) <= 2)
})

test('hears a click and leaves alone what was said', () => {
  const said = tone(200, 1, RATE)
  assert.deepEqual(clicks(said, said, RATE), [])
  const step = said.map((sample, i) => i < 8000 ? sample : sample * 0.9 + 0.02)
  assert.ok(clicks(said, step, RATE).length > 0)
  const cut = said.map((sample, i) => i < 8020 ? sample : 0)
  assert.ok(clicks(said, cut, RATE).some(({ at_s }) => Math.abs(at_s - 0.5) < 0.005))
})

test('says how loud a click is, and that a fade makes none', () => {
  const said = babble(1)
  assert.ok(clickLevel(said, said, RATE) < -150)
  const offset = (rise) => clickLevel(said, said.map((sample, i) => sample + 0.05 * Math.min(1, Math.max(0, (i - 8000) / rise))), RATE)
  const [hard, soft] = [offset(1), offset(80)]
  assert.ok(hard > -40 && hard < -15, `${hard} dB`)
  assert.ok(soft < hard - 25, `${soft} dB within 5 ms, ${hard} dB at once`)
  const click = said.slice()
  click[9000] += 0.1
  assert.ok(clickLevel(said, click, RATE) > -25, `${clickLevel(said, click, RATE)} dB`)
})

test('names the pitch of a tone and of a voice with overtones', () => {
  for (const frequency of [90, 220, 440]) {
    const voice = tone(frequency, 0.5, RATE).map((sample, i) =>
      sample + 0.2 * Math.sin(4 * Math.PI * frequency * i / RATE) + 0.1 * Math.sin(6 * Math.PI * frequency * i / RATE))
    assert.ok(Math.abs(pitch(voice, RATE) / frequency - 1) < 0.005, `${pitch(voice, RATE)} Hz for ${frequency}`)
  }
  assert.equal(pitch(Float32Array.from({ length: RATE }, gauss), RATE), undefined)
})

test('tells how much higher one is than the other, although pieces are missing', () => {
  // A voice that glides from 100 to 200 Hz, with three overtones.
  const gliding = times => Float32Array.from({ length: 2 * RATE }, (_, i) => {
    const phase = 2 * Math.PI * times * (100 * i / RATE + 25 * (i / RATE) ** 2)
    return [1, 2, 3, 4].reduce((sum, n) => sum + Math.sin(n * phase) / n, 0) / 4
  })
  const said = gliding(1)
  for (const times of [1, 1.01, 0.95]) {
    const heard = gliding(times)
    for (let hole = 0; hole < heard.length; hole += 0.3 * RATE) heard.fill(0, hole, hole + 0.03 * RATE)
    const ratio = pitchRatio(said, heard, RATE)
    assert.ok(Math.abs(ratio / times - 1) < 0.003, `${ratio} for ${times}`)
  }
  assert.equal(pitchRatio(said, new Float32Array(said.length), RATE), undefined)
})

test('keeps a tone when it changes the rate', () => {
  const there = resample({ samples: tone(1000, 0.5, 44100), rate: 44100 }, RATE)
  const snr = compare(tone(1000, 0.5, RATE), there, RATE).snr_db
  assert.ok(snr > 45, `${snr} dB`)
})

test('takes the low tones away and keeps the high ones', () => {
  assert.ok(decibels(rms(highPass(tone(1000, 0.5, 48000), 4000, 48000)) / rms(tone(1000, 0.5, 48000))) < -50)
  assert.ok(Math.abs(decibels(rms(highPass(tone(8000, 0.5, 48000), 4000, 48000)) / rms(tone(8000, 0.5, 48000)))) < 0.5)
})

test('writes the WAV that it reads', () => {
  const samples = tone(440, 0.1, RATE)
  const back = decodeWav(encodeWav({ samples, rate: RATE }))
  assert.equal(back.rate, RATE)
  assert.ok(back.samples.every((sample, i) => Math.abs(sample - samples[i]) <= 1 / 65536))
  assert.throws(() => decodeWav(Buffer.from('not a WAV at all, by any means')), /RIFF/)
})

/** Seconds of something as irregular as a voice: tones that wander, with pauses between syllables. */
function babble(seconds, seed = 0.5) {
  let phase = 0
  return Float32Array.from({ length: seconds * RATE }, (_, i) => {
    const t = i / RATE
    phase += 2 * Math.PI * (150 + 60 * Math.sin(7 * seed * t) + 25 * Math.sin(23 * seed * t * t)) / RATE
    const syllable = 0.6 + 0.4 * Math.sin(2 * Math.PI * 4.3 * seed * t)
    return 0.3 * syllable * (Math.sin(phase) + 0.5 * Math.sin(5 * phase) + 0.25 * Math.sin(11 * phase))
  })
}

function silence(seconds) {
  return new Float32Array(Math.round(seconds * RATE))
}

/** Normally distributed, from a generator that says the same each time. */
function gauss() {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
}

let state = 12345
function random() {
  state = (1103515245 * state + 12345) % 2147483648
  return (state + 1) / 2147483649
}
