// What browsers do to the sound of a call while it lasts, and what is done about it, in a time of our own.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { pretend, settle } from './browser.mjs'

const { VivaVoce } = await import('../../src/js/call.js')

let seen
let call
let errors
let now

beforeEach(async () => {
  seen = pretend()
  now = 0
  mock.method(console, 'warn', () => {})
  mock.method(performance, 'now', () => now * 1000)
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  call = new VivaVoce({ url: 'wss://proxy.example/ws' })
  errors = []
  call.addEventListener('error', ({ detail }) => errors.push(detail.code))
  call.start()
  await settle()
})

afterEach(() => {
  call.close()
  mock.timers.reset()
  mock.restoreAll()
})

/** Lets seconds go by, of which the sound of all contexts takes a share. */
async function pass(seconds, share = 1) {
  for (let second = 0; second < seconds; second++) {
    now += 1
    for (const context of seen.contexts) if (context.state === 'running') context.currentTime += share
    mock.timers.tick(1000)
    await settle()
  }
}

test('leaves alone what runs, also slowly', async () => {
  await pass(20, 0.68)
  assert.deepEqual([seen.contexts.length, errors], [1, []])
})

test('builds a sound that stands still anew, and keeps the call', async () => {
  await pass(4, 0)
  assert.deepEqual(seen.contexts.map(({ state }) => state), ['closed', 'running'])
  assert.deepEqual(seen.workers[0].told, ['start', 'play', 'listen', 'play', 'listen'])
  assert.equal(seen.log.filter((word) => word === 'ask').length, 1)
  await pass(10)
  assert.deepEqual([seen.contexts.length, errors, call.state], [2, [], 'connecting'])
})

test('says so when building anew does not help', async () => {
  await pass(40, 0)
  assert.deepEqual([seen.contexts.length, errors], [4, ['audio_stuck']])
})

test('wakes what was suspended, and asks for a tap when that is not enough', async () => {
  seen.isHeldBack = true
  await seen.contexts[0].suspend()
  await pass(5)
  assert.deepEqual(errors, ['audio_suspended'])
  seen.isHeldBack = false
  document.dispatchEvent(new Event('pointerup'))
  assert.equal(seen.contexts[0].state, 'running')
})

test('does not wake what a telephone call interrupts, but says so and takes another at a tap', async () => {
  const resumed = () => seen.log.filter((word) => word === 'resume').length
  const before = resumed()
  seen.contexts[0].state = 'interrupted'
  await pass(10)
  assert.deepEqual([resumed() - before, errors], [0, ['audio_suspended']])
  document.dispatchEvent(new Event('keydown'))
  await settle()
  assert.deepEqual(seen.contexts.map(({ state }) => state), ['closed', 'running'])
})

test('judges nothing in the background', async () => {
  document.hidden = true
  await pass(20, 0)
  assert.deepEqual([seen.contexts.length, errors], [1, []])
})

test('moves to a device of another rate, and only to such', async () => {
  navigator.mediaDevices.dispatchEvent(new Event('devicechange'))
  await pass(1)
  assert.deepEqual(seen.workers[0].told, ['start', 'play', 'listen'], 'the same rate')
  seen.rate = 16000
  navigator.mediaDevices.dispatchEvent(new Event('devicechange'))
  await pass(1)
  assert.deepEqual(seen.contexts.filter(({ state }) => state === 'running').map(({ sampleRate }) => sampleRate), [16000])
  assert.deepEqual(seen.workers[0].told.slice(3), ['play', 'listen'])
})

test('does not ask again for a refused microphone when it builds anew', async () => {
  call.stop()
  seen.tracks[0].onended()
  seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }))
  call.start()
  await settle()
  const asked = () => seen.log.filter((word) => word === 'ask').length
  const before = asked()
  await pass(4, 0)
  assert.deepEqual([asked() - before, errors], [0, ['microphone_denied']])
})

test('gives a recorder that comes late the time to live', async () => {
  call.close()
  seen = pretend()
  let allow
  seen.devices.answer = () => new Promise((resolve) => { allow = resolve })
  call = new VivaVoce({ url: 'wss://proxy.example/ws' })
  call.addEventListener('error', ({ detail }) => errors.push(detail.code))
  call.start()
  await settle()
  await pass(10)
  seen.isMute = true
  allow()
  await settle()
  await pass(2)
  assert.deepEqual(errors, [], 'although the player is old by then')
  await pass(3)
  assert.deepEqual(errors, ['worklet_fault'])
})

test('keeps the player’s idea of the latency fresh', async () => {
  seen.contexts[0].outputLatency = 0.2
  await pass(1)
  assert.equal(seen.nodes[0].said.at(-1).seconds.toFixed(3), '0.210')
})

test('does not ask Firefox for the latency, which may stand still for good', async () => {
  navigator.userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0'
  Object.defineProperty(seen.contexts[0], 'outputLatency', { get: () => assert.fail('asked') })
  await pass(1)
  assert.deepEqual(seen.nodes[0].said.at(-1), { type: 'latency', seconds: 0.04 })
})
