// Devices of another rate, clocks that stand, microphones that end: the call goes on, and so does the sentence.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DIST } from '../../scripts/build.mjs'
import { compare } from '../sound/comparison.mjs'
import { until } from '../sound/fact.mjs'
import { findIn } from '../sound/fourier.mjs'
import { resample } from '../sound/signal.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { encodeWav } from '../sound/wav.mjs'
import { Call } from './call.mjs'
import { Gate } from './gate.mjs'
import { House } from './house.mjs'
import { story } from './story.mjs'

story('goes on from the sample heard last when the device gets another rate', {}, async tale => {
  const { call, browser, reply } = await tell(tale)
  await browser.run(`
    window.nextRate = 48000
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'))`)
  await until('another sound plays', async () => (await browser.run('return played.length')) === 2)
  const [before, after] = await reply(2)
  assert.deepEqual([before.rate, after.rate], [44100, 48000])
  joins(before, after, tale.note)
  assert.deepEqual(await errors(call), [])
})

story('builds a sound anew whose clock stands although it says that it runs', {}, async tale => {
  const { call, browser, reply } = await tell(tale)
  const stopped = Date.now()
  await browser.run(`
    const [context] = played.map(({ context }) => context)
    Object.defineProperty(context, 'state', { get: () => 'running' })
    return context.suspend().then(() => {})`)
  await until('another sound plays', async () => (await browser.run('return played.length')) === 2)
  tale.note(`another sound ${Date.now() - stopped} ms after the clock stopped`)
  const [before, after] = await reply(2)
  joins(before, after, tale.note)
  assert.deepEqual(await errors(call), [])
})

story('wakes a sound that was suspended, and loses nothing of it', {}, async tale => {
  const { call, browser, reply } = await tell(tale)
  await browser.run('return played[0].context.suspend().then(() => {})')
  await until('it was woken', async () => (await browser.run('return played[0].context.state')) === 'running')
  // On a busy machine it may be so long in coming up that another is built in its place.
  goesOn(await reply(), tale.note)
  assert.deepEqual(await errors(call), [])
})

// WebKitGTK now and then plays on into nothing when its device goes.
story('goes on when the loudspeaker goes away and another takes its place', { engines: ['chromium', 'firefox'] }, async tale => {
  const { call, reply } = await tell(tale, SHORT)
  tale.card.replaceLoudspeaker()
  const gone = Date.now()
  const recording = await tale.card.listen()
  await until('the other one sounds', () => recording.sounds(0.3))
  tale.note(`the other one sounds ${Date.now() - gone} ms after the first went away`)
  // The clock stands and another sound is built, or, at times in Firefox, the browser moves the one that there is.
  goesOn(await reply(), tale.note)
  assert.deepEqual(await errors(call), [])
})

story('asks once for another microphone when the one it has was stopped, and hears it', {}, async ({ browser, card, after, explain }) => {
  const house = await House.open({ page: DIST, script: { turn: [{ heard: 'What was said.', silent: true }], after: 'silent' } })
  after(() => house.close())
  const gate = await Gate.open(house, { script: WITNESS })
  after(() => gate.close())
  const call = await Call.open(browser, gate.url)
  explain(async () => ({ page: await call.told(), simulator: await house.account() }))
  await call.tap()
  await call.reach('listening')
  await browser.run('streams[0].getTracks().forEach(track => track.stop())')
  await until('it was asked for again', async () => (await browser.run('return streams.length')) === 2)
  await card.speak(speak(SENTENCES[0].text, { ...SENTENCES[0], rate: card.rate, silence_s: 0.3 }))
  await call.hears('it was heard', ({ type, who }) => type === 'caption' && who === 'user')
  assert.deepEqual([await browser.run('return streams.length'), await errors(call)], [2, []])
})

/** Has a reply begin, and waits until two seconds of it were played. */
async function tell({ browser, after, explain }, text = LONG) {
  const folder = mkdtempSync(join(tmpdir(), 'reply-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const wav = join(folder, 'reply.wav')
  writeFileSync(wav, encodeWav(speak(text, { rate: 24000 })))
  const house = await House.open({ page: DIST, script: { pace: AHEAD, turn: [{ when: 'story', says: text, audio: { wav } }] } })
  after(() => house.close())
  const gate = await Gate.open(house, { script: WITNESS })
  after(() => gate.close())
  const call = await Call.open(browser, gate.url)
  explain(async () => ({ page: await call.told(), simulator: await house.account() }))
  await call.tap()
  await call.reach('listening')
  await call.type('Tell me a story.')
  await call.reach('speaking')
  await until('two seconds were played', async () => (await browser.run('return loudSeconds(played[0])')) > 2)
  return { call, browser, reply: async count => {
    // While another sound is built, nobody speaks: the state alone does not say that the reply is over.
    await call.hears('all of it was heard', ({ type, who }) => type === 'caption_end' && who === 'model', 60_000)
    await call.reach('listening')
    const all = await played(browser)
    await call.tap()
    await call.reach('ended')
    await until('the simulator wrote it down', () => house.said().samples.length > 0)
    if (count) assert.equal(all.length, count)
    return all.map(each => ({ ...each, said: house.said() }))
  } }
}

/** What one sound played, or one and the next, is the reply. */
function goesOn(sounds, note) {
  if (sounds.length > 1) return joins(...sounds, note)
  const [whole] = sounds
  isTrue('the whole', resample(whole.said, whole.rate), whole, note)
}

/** What the first sound played and what the second did are the reply, with nothing lost between them. */
function joins(before, after, note) {
  const [ending, beginning] = [loud(before), loud(after)]
  const piece = seconds => rate => Math.round(seconds * rate)
  const [second, margin] = [piece(1), piece(0.1)]
  const there = resample(before.said, before.rate)
  const end = findIn(there, ending.slice(-second(before.rate) - margin(before.rate), -margin(before.rate))).lag / before.rate + 1.1
  const here = resample(after.said, after.rate)
  const begin = findIn(here, beginning.slice(margin(after.rate), margin(after.rate) + second(after.rate))).lag / after.rate - 0.1
  note(`the first sound ended ${(end * 1000).toFixed(0)} ms into the reply, the second began at ${(begin * 1000).toFixed(0)} ms`)
  // Up to the fade with which the first sound ends and the other begins, 5 ms each; the voice itself is silent at times.
  const between = there.slice(Math.round((end + 0.005) * before.rate), Math.round((begin - 0.005) * before.rate))
  assert.ok(!between.some(isLoud), 'nothing is lost')
  assert.ok(end - begin < 0.25, 'no more is said twice than was not heard yet')
  isTrue('before', there.slice(0, Math.round((end - 0.1) * before.rate)), before, note)
  isTrue('after', here.slice(Math.round((begin + 0.1) * after.rate)), after, note)
}

/** What a sound played is what was said, sample by sample. */
function isTrue(what, said, { samples, rate }, note) {
  const { snr_db, jumps, segments } = compare(said, samples, rate)
  note(`${what}: ${rate} Hz, SNR ${snr_db.toFixed(1)} dB, ${jumps.length} jumps`)
  const poor = segments.filter(segment => segment.snr_db < TRUE_DB)
    .map(segment => `${segment.snr_db.toFixed(1)} dB at ${(segment.at / rate).toFixed(1)} s`)
  assert.ok(snr_db > TRUE_DB, `${what}: SNR ${snr_db.toFixed(1)} dB (${poor.join(', ')})`)
  assert.deepEqual(jumps, [])
}

/** A hole of 128 samples, an engine's block, leaves some 40 dB; a reply that is whole has 63 and more. */
const TRUE_DB = 50

/** From the first sample that is not silent to the last. */
function loud({ samples }) {
  return samples.slice(samples.findIndex(isLoud), samples.findLastIndex(isLoud) + 1)
}

function isLoud(sample) {
  return Math.abs(sample) > 1e-4
}

async function errors(call) {
  return (await call.told()).filter(({ type }) => type === 'error')
}

/** All that the page played: `{ rate, samples }` of each of its sounds. */
async function played(browser) {
  const all = await browser.run('return played.map(({ context, blocks }) => [context.sampleRate, base64(blocks)])')
  return all.map(([rate, text]) => {
    const bytes = Buffer.from(text, 'base64')
    return { rate, samples: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) }
  })
}

/**
 * Runs in the page before everything else: writes down all that each sound plays, from its first sample, and all that
 * was asked for; `nextRate` is the rate of the device from there on.
 */
const WITNESS = `
  window.played = []
  window.streams = []
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  navigator.mediaDevices.getUserMedia = async wishes => {
    const stream = await ask(wishes)
    streams.push(stream)
    return stream
  }
  window.AudioContext = class extends AudioContext {
    constructor(options) {
      super(window.nextRate ? { ...options, sampleRate: nextRate } : options)
    }
  }
  const EAR = URL.createObjectURL(new Blob([\`
    registerProcessor('ear', class extends AudioWorkletProcessor {
      process([[channel]]) {
        if (channel) this.port.postMessage(channel.slice())
        return true
      }
    })\`], { type: 'text/javascript' }))
  const add = AudioWorklet.prototype.addModule
  AudioWorklet.prototype.addModule = function (...how) {
    return add.call(this, EAR).then(() => add.apply(this, how))
  }
  const connect = AudioNode.prototype.connect
  AudioNode.prototype.connect = function (to, ...how) {
    if (to === this.context.destination && this.numberOfInputs === 0) {
      const ear = new AudioWorkletNode(this.context, 'ear', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' })
      const blocks = []
      ear.port.onmessage = ({ data }) => blocks.push(data)
      played.push({ context: this.context, ear, blocks })
      connect.call(this, ear)
    }
    return connect.call(this, to, ...how)
  }
  window.loudSeconds = ({ context, blocks }) => blocks.filter(block => block.some(sample => Math.abs(sample) > 0.001))
    .reduce((sum, block) => sum + block.length, 0) / context.sampleRate
  window.base64 = blocks => {
    const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0))
    let at = 0
    for (const block of blocks) {
      all.set(block, at)
      at += block.length
    }
    let text = ''
    const bytes = new Uint8Array(all.buffer)
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
    return btoa(text)
  }`

/**
 * In large pieces: behind one of a usual size, a busy machine's next comes so late that the voice plays slowly, which
 * repeats a period of it on purpose.
 */
const AHEAD = { chunk_ms: [2000, 2000] }

/** Some five seconds. */
const SHORT = 'Once upon a time there was a lighthouse keeper who counted every ship that passed, and wrote their names down.'

/** Some fifteen seconds. */
const LONG = 'Once upon a time there was a lighthouse keeper who counted every ship that passed, and wrote their names ' +
  'into a large green book. One winter evening no ship came, so he lit the lamp, put on his coat, and walked down to the ' +
  'harbour to ask the fishermen what they had seen.'
