// What docs/PROTOCOL.md promises, from the outside: a client in plain Node and the proxy as people run it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { compare } from '../sound/comparison.mjs'
import { until } from '../sound/fact.mjs'
import { lowPass, resample } from '../sound/signal.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { House } from '../stories/house.mjs'
import { Caller, HELLO } from './caller.mjs'

let house
let url
before(async () => {
  house = await House.open()
  url = house.url.replace('http', 'ws') + 'ws'
})
after(() => house?.close())

for (const rate of [8000, 16000, 44100, 48000]) {
  test(`talks at ${rate} Hz and hears its own words`, { timeout: 60_000 }, async () => {
    const caller = await Caller.open(url, { hello: { ...HELLO, audio: { rate_hz: rate } } })
    const ready = await caller.hears(({ type }) => type === 'ready')
    assert.equal(ready.upstream, 'simulator')
    assert.equal(ready.rate_hz, 24000)
    await caller.speak(speak(SENTENCES[1].text, { ...SENTENCES[1], rate, silence_s: 0.5 }))
    caller.say({ type: 'audio_end' })
    await caller.hears(({ type }) => type === 'user_transcript')
    const complete = await caller.hears(({ type, state }) => type === 'turn' && state === 'complete')
    const { samples, isWhole } = caller.turn(1)
    assert.equal(complete.epoch, 1)
    assert.ok(isWhole)
    assert.equal(samples.length, complete.samples)
    assert.ok(caller.frames.every(({ kind, codec, pcm }) => kind === 2 && codec === 0 && pcm.length <= 48_000))
    assert.ok(caller.frames.every(({ sequence }, i) => i === 0 || sequence > caller.frames[i - 1].sequence), 'texts are counted too')
    caller.say({ type: 'bye' })
    assert.equal((await caller.end()).code, 1000)
    assert.equal(caller.told.at(-1).type, 'bye')
  })
}

test('keeps what is said before it is ready', { timeout: 60_000 }, async t => {
  const own = await House.open({ script: { connection: { setup_ms: [1500, 1500] }, turn: [{ silent: true }], after: 'silent' } })
  t.after(() => own.close())
  const caller = await Caller.open(own.url.replace('http', 'ws') + 'ws')
  const said = speak(SENTENCES[0].text, { ...SENTENCES[0], rate: 16000, silence_s: 0.2 })
  await caller.speak(said)
  await caller.hears(({ type }) => type === 'ready')
  caller.say({ type: 'bye' })
  await caller.end()
  await own.endSimulator()
  const { correlation, snr_db } = compare(said.samples, own.heard().samples, 16000)
  assert.ok(correlation > 0.999 && snr_db > 60, `correlation ${correlation}, SNR ${snr_db} dB`)
})

test('changes no bit that need not be changed, and little at other rates', { timeout: 60_000 }, async t => {
  const own = await House.open({ script: { turn: [{ silent: true }, { silent: true }], after: 'silent' } })
  t.after(() => own.close())
  for (const [session, rate, least_db] of [[1, 16000, 80], [2, 48000, 40]]) {
    const caller = await Caller.open(own.url.replace('http', 'ws') + 'ws', { hello: { ...HELLO, audio: { rate_hz: rate } } })
    await caller.hears(({ type }) => type === 'ready')
    const said = speak(SENTENCES[0].text, { ...SENTENCES[0], rate, silence_s: 0.2 })
    await caller.speak(said, 4)
    caller.say({ type: 'bye' })
    await caller.end()
    await until('the simulator wrote it down', () => own.heard(session).samples.length > 0)
    // Where the filter ends, above 7 kHz, it is nobody's promise to keep the sound as it was.
    const [there, here] = [resample(said, 16000), own.heard(session).samples].map(samples => lowPass(samples, 7000, 16000))
    const { snr_db } = compare(there, here, 16000)
    t.diagnostic(`${rate} Hz: SNR ${snr_db.toFixed(1)} dB`)
    assert.ok(snr_db > least_db, `SNR ${snr_db} dB at ${rate} Hz`)
  }
})

test('is interrupted by what is typed, and drops what it said', { timeout: 60_000 }, async t => {
  const own = await House.open({ script: { turn: [
    { when: 'story', says: 'Once upon a time', audio: { tone: { hz: 330, ms: 20_000 } } },
    { when: 'enough', says: 'As you like.', audio: { tone: { hz: 550, ms: 500 } } }] } })
  t.after(() => own.close())
  const caller = await Caller.open(own.url.replace('http', 'ws') + 'ws')
  caller.say({ type: 'text', text: 'Tell me a story.' })
  await caller.hears(({ type, state }) => type === 'turn' && state === 'started')
  await caller.hears(() => caller.frames.length > 2)
  caller.say({ type: 'heard', epoch: 1, samples: 4800 })
  caller.say({ type: 'text', text: 'That is enough.' })
  const cut = await caller.hears(({ type, state }) => type === 'turn' && state === 'interrupted')
  assert.equal(cut.epoch, 1)
  const after = caller.frames.length
  const next = await caller.hears(({ type, state, epoch }) => type === 'turn' && state === 'complete' && epoch > 1)
  assert.ok(caller.frames.slice(after).every(({ epoch }) => epoch > 1))
  assert.equal(next.samples, 12_000)
  const words = caller.told.filter(({ type, epoch }) => type === 'model_transcript' && epoch === next.epoch)
  assert.equal(words.map(({ text }) => text).join(''), 'As you like.')
})

test('answers pings and passes over what it need not know', { timeout: 60_000 }, async () => {
  const caller = await Caller.open(url)
  await caller.hears(({ type }) => type === 'ready')
  caller.say({ type: 'ping', id: 77, further: { field: true } })
  await caller.hears(({ type, id }) => type === 'pong' && id === 77)
  caller.drop()
})

const MICROPHONE = Buffer.from('0100000000000000000000000000000000000000' + '0100feff', 'hex')
const BAD = [
  ['no subprotocol', 'bad_subprotocol', 4400, { hello: null, subprotocol: [] }],
  ['another subprotocol', 'bad_subprotocol', 4400, { hello: null, subprotocol: 'vivavoce.v9' }],
  ['audio before hello', 'out_of_order', 4400, { hello: null }, caller => caller.sendBytes(MICROPHONE)],
  ['text before hello', 'out_of_order', 4400, { hello: null }, caller => caller.say({ type: 'bye' })],
  ['hello twice', 'out_of_order', 4400, {}, caller => caller.say(HELLO)],
  ['a rate of 0', 'bad_message', 4400, { hello: { ...HELLO, audio: { rate_hz: 0 } } }],
  ['a rate of 10⁹', 'bad_message', 4400, { hello: { ...HELLO, audio: { rate_hz: 1e9 } } }],
  ['a hello of 5 KiB', 'too_large', 4400, { hello: { ...HELLO, client: 'x'.repeat(5120) } }],
  ['no JSON', 'bad_message', 4400, {}, caller => caller.say('{"type": "text", ')],
  ['JSON that is no object', 'bad_message', 4400, {}, caller => caller.say('[1, 2]')],
  ['an unknown type', 'bad_message', 4400, {}, caller => caller.say({ type: 'sing' })],
  ['a missing field', 'bad_message', 4400, {}, caller => caller.say({ type: 'text' })],
  ['an odd count of bytes', 'bad_message', 4400, {}, caller => caller.sendBytes(Buffer.concat([MICROPHONE, Buffer.of(1)]))],
  ['a frame shorter than its header', 'bad_message', 4400, {}, caller => caller.sendBytes(MICROPHONE.subarray(0, 7))],
  ['the proxy\'s own kind of frame', 'bad_message', 4400, {}, caller => caller.sendBytes(Buffer.concat([Buffer.of(2), MICROPHONE.subarray(1)]))],
  ['a binary frame of text', 'bad_message', 4400, {}, caller => caller.sendBytes(Buffer.from(JSON.stringify({ type: 'bye', padding: ' '.repeat(30) })))],
  ['a frame over the limit', 'too_large', 4400, {}, caller => caller.sendBytes(Buffer.concat([MICROPHONE, Buffer.alloc(70_000)]))],
  ['a text over the limit', 'too_large', 4400, {}, caller => caller.say({ type: 'text', text: 'x'.repeat(70_000) })],
]

test('tells whoever breaks the rules what was wrong, and goes on with others', { timeout: 60_000 }, async t => {
  const other = await Caller.open(url)
  await other.hears(({ type }) => type === 'ready')
  for (const [what, code, close, how, then] of BAD) {
    await t.test(what, async () => {
      const caller = await Caller.open(url, how)
      then?.(caller)
      const { error } = await caller.hears(({ type }) => type === 'error')
      assert.equal(error.code, code)
      assert.match(error.message, /\w+ \w+/)
      const closed = await caller.end()
      assert.equal(closed.code, close)
      assert.ok(error.message.startsWith(closed.reason.slice(0, 100)), `reason "${closed.reason}" of "${error.message}"`)
    })
  }
  other.say({ type: 'ping', id: 1 })
  await other.hears(({ type, id }) => type === 'pong' && id === 1)
  other.drop()
})
