// What browsers do to the sound of a call while it lasts, and what is done about it, in a time of our own.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { pretend, settle } from './browser.mjs'

const { VivaVoce } = await import('../../src/js/call.js')

let seen
let call
let errors

beforeEach(async () => {
  seen = pretend()
  mock.method(console, 'warn', () => {})
  mock.timers.enable({ apis: ['setTimeout'] })
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

/** Lets seconds go by, in which the Worker finds the sound's clock so; none of the page's timers is asked. */
async function pass(seconds, beat = 'steady') {
  for (let half = 0; half < 2 * seconds; half++) {
    for (const context of seen.contexts) if (context.state === 'running' && beat !== 'still') context.currentTime += 0.5
    seen.workers[0].tell({ type: 'pulse', beat })
    await settle()
  }
}

/** Devices come or go, and half a second later have settled. */
async function changeDevices() {
  navigator.mediaDevices.dispatchEvent(new Event('devicechange'))
  mock.timers.tick(500)
  await settle()
}

/** How often a word stands in the log. */
const count = (word) => seen.log.filter((other) => other === word).length

test('leaves alone what keeps time', async () => {
  await pass(20)
  assert.deepEqual([seen.contexts.length, errors], [1, []])
})

test('builds a sound that stands still anew, and keeps the call', async () => {
  await pass(10)
  await pass(1, 'still')
  assert.deepEqual(seen.contexts.map(({ state }) => state), ['closed', 'running'])
  assert.deepEqual(seen.workers[0].told, ['start', 'play', 'listen', 'play', 'listen'])
  assert.equal(count('ask'), 1)
  await pass(10)
  assert.deepEqual([seen.contexts.length, errors, call.state], [2, [], 'connecting'])
})

test('gives a sound that was woken two seconds to move', async () => {
  await pass(10)
  await seen.contexts[0].suspend()
  await settle()
  assert.equal(seen.contexts[0].state, 'running')
  await pass(1.5, 'still')
  assert.equal(seen.contexts.length, 1)
  await pass(1, 'still')
  assert.equal(seen.contexts.length, 2, 'it says that it runs, and stands')
})

test('builds anew at once what has another rate than it says', async () => {
  await pass(0.5, 'astray')
  assert.deepEqual(seen.contexts.map(({ state }) => state), ['closed', 'running'])
})

test('builds anew at once what says that its device is lost', async () => {
  seen.contexts[0].onerror()
  await settle()
  assert.deepEqual(seen.contexts.map(({ state }) => state), ['closed', 'running'])
  assert.equal(call.state, 'connecting')
})

test('says so when building anew does not help, and tries again once it went well for a while', async () => {
  await pass(40, 'still')
  assert.deepEqual([seen.contexts.length, errors], [4, ['audio_stuck']])
  await pass(10)
  await pass(1, 'still')
  assert.equal(seen.contexts.length, 5)
})

test('keeps the call when no other sound can be built, and takes one at a tap', async () => {
  await pass(10)
  const { AudioContext } = globalThis
  globalThis.AudioContext = class { constructor() { throw new Error('too many') } }
  await pass(1, 'still')
  assert.deepEqual([errors, call.state], [['audio_stuck'], 'connecting'])
  globalThis.AudioContext = AudioContext
  await pass(1)
  document.dispatchEvent(new Event('pointerup'))
  await settle()
  assert.equal(seen.contexts.at(-1).state, 'running')
  assert.deepEqual(seen.workers[0].told.slice(3), ['play', 'listen'])
})

test('keeps the call when a part does not come again, and tries once more', async () => {
  await pass(10)
  seen.downloads = Promise.reject(new Error('no network'))
  seen.downloads.catch(() => {})
  await pass(1, 'still')
  assert.deepEqual([errors, call.state], [['download_failed'], 'connecting'])
  seen.downloads = undefined
  await pass(6, 'still')
  assert.deepEqual(seen.workers[0].told.slice(3, 5), ['play', 'listen'])
})

test('asks anew, once, for a microphone whose track was stopped without a word', async () => {
  seen.tracks[0].readyState = 'ended'
  await pass(5)
  assert.deepEqual([count('ask'), errors], [2, []])
  assert.equal(seen.nodes.find(({ name }) => name === 'vivavoce-recorder').source.getAudioTracks()[0], seen.tracks[1])
  assert.deepEqual(seen.workers[0].told, ['start', 'play', 'listen'], 'the recorder stays')
})

test('takes up anew, without asking, a microphone that the system muted and gave back', async () => {
  const recorder = seen.nodes.find(({ name }) => name === 'vivavoce-recorder')
  recorder.source = undefined
  seen.tracks[0].onunmute()
  await settle()
  assert.equal(recorder.source.getAudioTracks()[0], seen.tracks[0])
  assert.deepEqual([count('ask'), errors], [1, []])
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
  const before = count('resume')
  seen.contexts[0].state = 'interrupted'
  await pass(10)
  assert.deepEqual([count('resume') - before, errors], [0, ['audio_suspended']])
  document.dispatchEvent(new Event('keydown'))
  await settle()
  assert.deepEqual(seen.contexts.map(({ state }) => state), ['closed', 'running'])
})

test('comes back by itself from an interruption that ends', async () => {
  seen.contexts[0].state = 'interrupted'
  await pass(2, 'still')
  seen.contexts[0].state = 'suspended'
  seen.contexts[0].onstatechange()
  await pass(5)
  assert.deepEqual([seen.contexts.map(({ state }) => state), errors], [['running'], []])
})

test('judges nothing in the background, and wakes what was suspended there when the page is seen again', async () => {
  document.hidden = true
  await seen.contexts[0].suspend()
  await pass(20, 'still')
  assert.deepEqual([seen.contexts.map(({ state }) => state), errors], [['suspended'], []])
  document.hidden = false
  document.dispatchEvent(new Event('visibilitychange'))
  await pass(5)
  assert.deepEqual([seen.contexts.map(({ state }) => state), errors], [['running'], []])
})

test('builds anew what stands still when the page is seen again', async () => {
  await pass(10)
  document.hidden = true
  await pass(20, 'still')
  document.hidden = false
  document.dispatchEvent(new Event('visibilitychange'))
  await pass(2.5, 'still')
  assert.deepEqual([seen.contexts.map(({ state }) => state), errors], [['closed', 'running'], []])
})

test('moves to a device of another rate, and only to such', async () => {
  await changeDevices()
  assert.deepEqual(seen.workers[0].told, ['start', 'play', 'listen'], 'the same rate')
  seen.rate = 16000
  await changeDevices()
  assert.deepEqual(seen.contexts.filter(({ state }) => state === 'running').map(({ sampleRate }) => sampleRate), [16000])
  assert.deepEqual(seen.workers[0].told.slice(3), ['play', 'listen'])
})

test('does not ask again for a refused microphone when it builds anew', async () => {
  call.stop()
  seen.tracks[0].onended()
  seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }))
  call.start()
  await settle()
  const before = count('ask')
  await pass(10, 'still')
  assert.deepEqual([count('ask') - before, errors], [0, ['microphone_denied']])
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
