// The detector's module as a file, what it costs, and that it hears what the native one hears.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Ear, HOP_SAMPLES, moduleBytes, ROOT } from './ear.mjs'

test('it imports nothing', () => {
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(moduleBytes())), [])
})

test('its memory cannot grow', () => {
  assert.throws(() => new Ear().calls.memory.grow(1), RangeError)
})

test('whatever numbers it is given, it neither traps nor leaves its area', () => {
  const ear = new Ear()
  for (const number of [0, 1, 127, 1025, 2 ** 31, 2 ** 32 - 1, -1, NaN, Infinity, 1e300]) {
    ear.area.fill(number)
    ear.calls.vad_push(number, number)
  }
})

test('it hears bit for bit what the native one hears', () => {
  const ear = new Ear()
  let [hash, changes] = [0x811c9dc5, '']
  const voice = pretendVoice()
  for (let hop = 0; (hop + 1) * HOP_SAMPLES <= voice.length; hop++) {
    const change = ear.push(voice.subarray(hop * HOP_SAMPLES, (hop + 1) * HOP_SAMPLES), hop % 500 < 300)
    const bytes = new Uint8Array(Float32Array.of(ear.calls.vad_probability(), ear.calls.vad_power()).buffer)
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
    if (change) changes += ` ${change === 1 ? 'begins' : 'ends'} ${hop}`
  }
  const found = `${(hash >>> 0).toString(16).padStart(8, '0')}${changes}\n`
  assert.equal(found, readFileSync(join(ROOT, 'tests', 'vad', 'golden.txt'), 'utf8'))
})

test('it hears the same however the stream is cut', () => {
  const voice = pretendVoice().subarray(0, 20 * 16_000)
  const whole = new Ear().hear(voice).map(({ begins }) => begins)
  for (const length of [1, 100, 320, 1024]) {
    const ear = new Ear()
    const changes = []
    for (let at = 0; at < voice.length; at += length) {
      const change = ear.push(voice.subarray(at, at + length))
      if (change) changes.push(change === 1)
    }
    assert.deepEqual(changes, whole, `in pieces of ${length}`)
  }
})

test('it takes less than a hundredth of a core', (t) => {
  const ear = new Ear()
  const hop = pretendVoice().subarray(16_000, 16_000 + HOP_SAMPLES)
  const time = () => {
    const begun = performance.now()
    for (let i = 0; i < 2_000; i++) ear.push(hop)
    return (performance.now() - begun) / 2_000
  }
  const best_ms = Math.min(...Array.from({ length: 5 }, time))
  t.diagnostic(`${(best_ms * 1e6).toFixed(0)} ns a hop of 16 ms, ${(best_ms / 16 * 100).toFixed(3)} % of a core`)
  assert.ok(best_ms < 0.16, `${best_ms} ms`)
})

/** Two minutes of vowels and silence, the same numbers as in crates/vad/tests/golden.rs. */
function pretendVoice() {
  let [state, phase, one, two, three, four] = [1, 0, 0, 0, 0, 0]
  return Int16Array.from({ length: 120 * 16_000 }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const noise = (state >>> 8) / 16777216 - 0.5
    phase += 110 + (i >> 7) % 50
    const pulse = phase >= 16_000 ? 1 : 0
    phase -= 16_000 * pulse
    const isVoiced = (i >> 12) % 13 < 4 + (i >> 16) % 5
    const source = (isVoiced ? pulse : 0) + noise * 0.002
    const first = source + 1.86 * one - 0.94 * two
    two = one
    one = first
    const second = first + 1.65 * three - 0.93 * four
    four = three
    three = second
    return Math.trunc(second * (100 + 40 * ((i >> 15) % 7)))
  })
}
