// What the page does of a call, in a pretend browser: what happens within the tap, and what becomes of each mishap.

import assert from 'node:assert/strict'
import { after, beforeEach, mock, test } from 'node:test'
import { pretend, settle } from './browser.mjs'

const { VivaVoce } = await import('../../src/js/call.js')

let seen
let call
let told

/** A call in a fresh pretend browser; `told` has all it tells. */
function make(options = {}) {
  call?.close()
  call = new VivaVoce({ url: 'wss://proxy.example/ws', ...options })
  told = []
  for (const type of ['state', 'ready', 'caption', 'muted', 'error', 'ended', 'level']) {
    call.addEventListener(type, ({ detail }) => told.push(detail))
  }
}

/** The recorder or the player made last. */
const node = (role) => seen.nodes.findLast(({ name }) => name === `vivavoce-${role}`)
const worker = () => seen.workers.at(-1)
/** What it was told of the button. */
const pressed = () => worker().said.filter(({ type }) => type === 'press').map(({ pressed }) => pressed)
/** How often it was told to make sure of the connection. */
const woken = () => worker().said.filter(({ type }) => type === 'wake').length
const errors = () => told.filter(({ type }) => type === 'error').map(({ code }) => code)

beforeEach(() => {
  // What goes to the console for developers is no part of a test's report.
  mock.method(console, 'warn', () => {})
  mock.timers.reset()
  seen = pretend()
})

after(() => call.close())

/** Begins a call and lets it come up. */
async function begin(options) {
  make(options)
  call.start()
  await settle()
  worker().tell({ type: 'state', state: 'listening' })
  node('recorder')?.hear()
  told.splice(0, told.length, ...told.filter(({ type }) => type !== 'level'))
}

test('loads the Worker and the audio thread’s module before any tap', () => {
  make()
  assert.equal(seen.workers.length, 1)
  assert.match(seen.fetched.join(), /worklet\.js/)
  assert.deepEqual(seen.log, [], 'and nothing that needs the tap')
})

test('does all that needs the tap before start returns', () => {
  seen.downloads = new Promise(() => {})
  make()
  call.start()
  assert.deepEqual(seen.log, ['context', 'resume', 'ask'])
  assert.equal(navigator.audioSession.type, 'play-and-record')
  assert.equal(call.state, 'connecting')
  assert.deepEqual(told, [{ type: 'state', state: 'connecting' }])
})

test('asks for a microphone fit for a conversation, unless told otherwise', () => {
  make({ audio: { noiseSuppression: false, deviceId: 'x' } })
  call.start()
  const voice = { echoCancellation: true, noiseSuppression: false, autoGainControl: true, channelCount: { ideal: 1 }, deviceId: 'x' }
  assert.deepEqual(seen.wishes, { audio: voice })
})

test('never lets the browser take only remote voices out of the microphone', () => {
  for (const wish of ['remote-only', { ideal: 'remote-only' }, { exact: 'remote-only' }]) {
    make({ audio: { echoCancellation: wish } })
    call.start()
    assert.equal(seen.wishes.audio.echoCancellation, true)
  }
})

test('makes the context at the device’s rate, or at the one asked for', () => {
  make()
  call.start()
  assert.equal('sampleRate' in seen.contexts[0].options, false)
  make({ sampleRate: 44100 })
  call.start()
  assert.equal(seen.contexts[1].options.sampleRate, 44100)
})

test('introduces the call, then joins the player and the recorder to it', async () => {
  await begin({ client: 'test', ticket: 'T' })
  assert.deepEqual(worker().told, ['start', 'play', 'listen'])
  const { url, ticket, client, greeting, muted } = worker().said[0]
  assert.deepEqual({ url, ticket, client, greeting, muted },
    { url: 'wss://proxy.example/ws', ticket: 'T', client: 'test', greeting: true, muted: false })
  assert.deepEqual(seen.nodes.map(({ name, isConnected }) => [name, isConnected]), [['vivavoce-player', true], ['vivavoce-recorder', true]])
  assert.equal(seen.nodes[1].source.getAudioTracks()[0], seen.tracks[0])
  assert.deepEqual(seen.nodes[0].said.map(({ type }) => type), ['link'], 'nothing of the latency while the device starts')
})

test('resolves the proxy’s address against the page', async () => {
  for (const [url, expected] of [
    ['ws', 'wss://page.example/voice/ws'], ['/ws', 'wss://page.example/ws'], ['http://127.0.0.1:8003/ws', 'ws://127.0.0.1:8003/ws'],
    [() => Promise.resolve('wss://later.example/ws'), 'wss://later.example/ws'],
  ]) {
    await begin({ url })
    assert.equal(worker().said[0].url, expected)
  }
})

test('tells an address that is none', async () => {
  for (const url of ['ftp://proxy.example', 'ws://[', '', undefined, () => Promise.reject(new Error('no config'))]) {
    make({ url })
    call.start()
    await settle()
    assert.deepEqual(errors(), ['bad_url'], String(url))
    assert.equal(call.state, 'idle')
  }
})

test('tells an address that a secure page may not call', async () => {
  for (const [url, expected] of [['ws://proxy.example/ws', ['bad_url']], ['ws://localhost:8003/ws', []]]) {
    make({ url })
    call.start()
    await settle()
    assert.deepEqual(errors(), expected)
    if (expected.length) assert.match(told.at(-1).reason, /wss:/)
  }
})

test('asks for a fresh ticket at each call, and tells when none is given', async () => {
  const tickets = ['first', 'second']
  await begin({ ticket: async () => tickets.shift() ?? Promise.reject(new Error('no more')) })
  assert.equal(worker().said[0].ticket, 'first')
  for (const expected of ['second', undefined]) {
    call.stop()
    call.start()
    await settle()
    if (expected) assert.equal(worker().said.findLast(({ type }) => type === 'start').ticket, expected)
  }
  assert.deepEqual(errors(), ['no_ticket'])
  assert.equal(call.state, 'idle')
})

test('gets a further ticket when the Worker asks, and another time where there is no network', async () => {
  const answers = ['first', new TypeError('Failed to fetch'), 'second', new Error('The refresh secret is of no use.')]
  await begin({ ticket: async () => {
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return answer
  } })
  const { ticket, getsTickets } = worker().said[0]
  assert.deepEqual({ ticket, getsTickets }, { ticket: 'first', getsTickets: true })
  for (let asks = 0; asks < 3; asks += 1) {
    worker().tell({ type: 'ticket' })
    await settle()
  }
  const admitted = worker().said.filter(({ type }) => type === 'admit')
  assert.deepEqual(admitted, [undefined, 'second'].map((ticket) => ({ type: 'admit', number: 1, ticket })))
  assert.deepEqual(errors(), ['no_ticket'], 'who is refused one is told')
  assert.equal(call.state, 'idle')
})

test('lets no late ticket into another call, and says where it can get no other', async () => {
  let give
  const tickets = ['first', new Promise((resolve) => { give = resolve }), 'of the next']
  await begin({ ticket: () => tickets.shift() })
  worker().tell({ type: 'ticket' })
  await settle()
  call.stop()
  call.start()
  give('late')
  await settle()
  assert.deepEqual(worker().said.filter(({ type }) => type === 'admit').map(({ number }) => number), [1])
  await begin({ ticket: 'the only one' })
  assert.equal(worker().said[0].getsTickets, false)
})

test('keeps what is said while the address is on its way', async () => {
  let know
  make({ url: new Promise((resolve) => { know = resolve }) })
  call.start()
  assert.equal(call.say('hello'), true)
  await settle()
  assert.deepEqual(worker().told, [])
  know('wss://proxy.example/ws')
  await settle()
  assert.equal(worker().told[0], 'start')
  assert.ok(worker().said.some(({ type, text }) => type === 'say' && text === 'hello'))
})

test('says nothing when no call is on', () => {
  make()
  assert.equal(call.say('hello'), false)
  assert.deepEqual(worker().told, [])
})

test('passes on what the call tells, and keeps what the page says itself', async () => {
  await begin()
  const caption = { type: 'caption', who: 'model', epoch: 1, text: 'Hi' }
  for (const event of [caption, { type: 'muted', muted: false }, { type: 'state', state: 'listening' }]) worker().tell(event)
  assert.deepEqual(told.slice(1), [{ type: 'state', state: 'listening' }, caption])
})

test('declares the functions of the page, and says what the page says of them', async () => {
  make({ functions: [{ name: 'show_map' }] })
  call.start()
  await settle()
  assert.equal(worker().said.find(({ type }) => type === 'start').functions, '[{"name":"show_map"}]')
  call.confirmTool('call_8', 'k', true)
  call.answerTool('call_7', { output: 1 })
  await settle()
  const words = worker().said.filter(({ type }) => type === 'word').map(({ json }) => JSON.parse(json))
  assert.deepEqual(words, [
    { type: 'tool_confirm', id: 'call_8', confirmation: 'k', approved: true },
    { type: 'tool_result', id: 'call_7', result: { output: 1 }, will_continue: false },
  ])
})

test('ends at once when it is hung up, and hears no more of that call', async () => {
  await begin()
  told.length = 0
  call.stop()
  assert.deepEqual(told.map(({ type }) => type), ['state', 'level', 'ended'])
  assert.equal(told.at(-1).reason, '')
  assert.equal(worker().told.at(-1), 'stop')
  worker().tell({ type: 'ended', reason: 'late' })
  assert.equal(told.length, 3)
  call.stop()
  assert.equal(told.length, 3, 'and only once')
})

test('keeps microphone and context from call to call, with fresh nodes', async () => {
  await begin()
  call.stop()
  assert.equal(seen.tracks[0].enabled, false, 'deaf between calls')
  call.start()
  await settle()
  assert.deepEqual(seen.log.filter((word) => word !== 'resume'), ['context', 'ask'])
  assert.equal(seen.tracks[0].enabled, true)
  assert.deepEqual(seen.nodes.map(({ isConnected }) => isConnected), [false, false, true, true])
  assert.deepEqual(seen.nodes[0].said.at(-1), { type: 'stop' })
})

test('mutes without letting go of the microphone', async () => {
  await begin()
  call.muted = true
  call.muted = true
  await settle()
  assert.equal(seen.tracks[0].enabled, false)
  assert.deepEqual(worker().said.filter(({ type }) => type === 'mute').map(({ muted }) => muted), [true])
  assert.deepEqual(told.filter(({ type }) => type === 'muted'), [{ type: 'muted', muted: true }])
  call.stop()
  call.start()
  await settle()
  assert.equal(seen.tracks[0].enabled, false, 'and stays so in the next call')
  assert.equal(worker().said.findLast(({ type }) => type === 'start').muted, true)
})

test('passes the button and the interruption on, in their order', async () => {
  await begin({ mode: 'push_to_talk' })
  const before = worker().said.length
  call.press()
  call.release()
  call.interrupt()
  await settle()
  const { number, mode } = worker().said[0]
  assert.equal(mode, 'push_to_talk')
  assert.deepEqual(worker().said.slice(before), [
    { type: 'press', pressed: true, number }, { type: 'press', pressed: false, number }, { type: 'interrupt', number },
  ])
})

test('keeps the button until the Worker knows of the call', async () => {
  let tell
  make({ url: new Promise((resolve) => { tell = resolve }) })
  call.start()
  call.press()
  await settle()
  assert.deepEqual(worker().told, [])
  tell('wss://proxy.example/ws')
  await settle()
  assert.equal(worker().told[0], 'start')
  assert.deepEqual(pressed(), [true])
})

test('lets the button go when the page is hidden, and not when it is seen again', async () => {
  await begin({ mode: 'push_to_talk' })
  call.press()
  for (const hidden of [true, false]) {
    document.hidden = hidden
    document.dispatchEvent(new Event('visibilitychange'))
    await settle()
  }
  assert.deepEqual(pressed(), [true, false])
})

test('says nothing of a button while no call is on', async () => {
  const useButton = () => {
    call.press()
    call.release()
    call.interrupt()
    document.hidden = true
    document.dispatchEvent(new Event('visibilitychange'))
    document.hidden = false
  }
  make({ mode: 'push_to_talk' })
  useButton()
  await settle()
  assert.deepEqual(worker().said, [], 'before a call')
  call.press()
  call.start()
  await settle()
  assert.deepEqual(pressed(), [], 'nor when one begins right after it')
  call.press()
  call.stop()
  const { length } = worker().said
  useButton()
  await settle()
  assert.equal(worker().said.length, length, 'after a call, a press on its way included')
})

test('lets no button of a closed call act', async () => {
  await begin()
  call.close()
  const { length } = worker().said
  document.hidden = true
  document.dispatchEvent(new Event('visibilitychange'))
  call.press()
  await settle()
  assert.equal(worker().said.length, length)
})

test('has the connection seen to when the network or the page comes or goes', async () => {
  const app = window.Telegram.WebApp
  const see = (hidden) => {
    document.hidden = hidden
    document.dispatchEvent(new Event('visibilitychange'))
  }
  const deeds = [
    () => seen.page.dispatchEvent(new Event('offline')),
    () => seen.page.dispatchEvent(new Event('online')),
    () => see(false),
    () => app.tell('deactivated'),
    () => app.tell('activated'),
  ]
  make()
  for (const deed of deeds) deed()
  await settle()
  assert.deepEqual(worker().said, [], 'before a call there is none')
  call.start()
  await settle()
  for (const [index, deed] of deeds.entries()) {
    deed()
    await settle()
    assert.deepEqual(worker().said.at(-1), { type: 'wake', number: worker().said[0].number }, String(deed))
    assert.equal(woken(), index + 1, `once: ${deed}`)
  }
  see(true)
  await settle()
  assert.equal(woken(), deeds.length, 'a page that goes out of sight has nothing to hurry for')
  call.close()
  for (const deed of deeds) deed()
  await settle()
  assert.equal(woken(), deeds.length, 'nor has a call that is closed')
  assert.equal(app.listeners, 0)
})

test('goes on in writing when there is no microphone', async () => {
  for (const [name, code] of [
    ['NotAllowedError', 'microphone_denied'], ['NotFoundError', 'microphone_missing'], ['NotReadableError', 'microphone_busy'],
    ['SecurityError', 'microphone_closed'], ['OddError', 'microphone_failed'],
  ]) {
    seen = pretend()
    seen.devices.answer = () => Promise.reject(Object.assign(new Error(name), { name }))
    await begin()
    assert.deepEqual(errors(), [code])
    assert.match(told.find(({ type }) => type === 'error').message, /type/, 'says that one can type')
    assert.equal(call.state, 'listening')
    assert.deepEqual(worker().told, ['start', 'play'])
  }
})

test('says that it listens once the recorder hears', async () => {
  make()
  call.start()
  await settle()
  worker().tell({ type: 'ready' })
  worker().tell({ type: 'state', state: 'listening' })
  assert.equal(call.state, 'connecting')
  assert.equal(call.say('already'), true)
  await settle()
  assert.equal(worker().told.at(-1), 'say')
  node('player').hear()
  assert.equal(call.state, 'connecting', 'the player is no ear')
  node('recorder').hear()
  assert.equal(call.state, 'listening')
  assert.deepEqual(told.filter(({ type }) => type === 'state').map(({ state }) => state), ['connecting', 'listening'])
})

test('lets the model speak while nobody is heard yet', async () => {
  make()
  call.start()
  await settle()
  for (const [state, shown] of [['speaking', 'speaking'], ['listening', 'connecting'], ['reconnecting', 'reconnecting'], ['listening', 'connecting']]) {
    worker().tell({ type: 'state', state })
    assert.equal(call.state, shown)
  }
})

test('waits for a recorder that hears nothing no longer than six seconds', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  make()
  call.start()
  await settle()
  worker().tell({ type: 'state', state: 'listening' })
  mock.timers.tick(5999)
  assert.equal(call.state, 'connecting')
  mock.timers.tick(1)
  assert.equal(call.state, 'listening')
})

test('waits for no recorder where nobody is to be heard', async () => {
  make()
  call.muted = true
  call.start()
  await settle()
  worker().tell({ type: 'state', state: 'listening' })
  assert.equal(call.state, 'listening', 'muted before')
  call.stop()
  call.muted = false
  call.start()
  await settle()
  worker().tell({ type: 'state', state: 'listening' })
  assert.equal(call.state, 'connecting')
  call.muted = true
  assert.equal(call.state, 'listening', 'muted meanwhile')
})

test('asks again at the next tap after a refusal', async () => {
  seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }))
  await begin()
  seen.devices.answer = () => undefined
  call.stop()
  call.start()
  await settle()
  assert.equal(seen.log.filter((word) => word === 'ask').length, 2)
  assert.equal(worker().told.at(-1), 'listen')
})

test('tells Telegram’s users what helps there', async () => {
  for (const [platform, agent, words] of [
    ['tdesktop', 'Windows NT 10.0', /remembers/], ['tdesktop', 'X11; Linux x86_64', /Linux/], ['ios', 'iPhone', /Telegram/], ['weba', 'Linux', /web\.telegram\.org in/], [undefined, 'Linux', /browser/],
  ]) {
    seen = pretend()
    navigator.userAgent = agent
    seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }))
    await begin({ platform })
    assert.match(told.find(({ type }) => type === 'error').message, words)
  }
})

test('says that it waits when nobody answers, and takes a late yes', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  let allow
  seen.devices.answer = () => new Promise((resolve) => { allow = resolve })
  make()
  call.start()
  await settle()
  mock.timers.tick(20_000)
  assert.deepEqual(errors(), ['microphone_waiting'])
  allow()
  await settle()
  assert.equal(worker().told.at(-1), 'listen')
})

test('takes another microphone when the one it has goes away', async () => {
  await begin()
  seen.tracks[0].onended()
  await settle()
  assert.equal(seen.tracks.length, 2)
  assert.equal(seen.nodes.length, 2, 'the recorder stays')
  assert.equal(seen.nodes[1].source.getAudioTracks()[0], seen.tracks[1])
  seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotFoundError' }))
  seen.tracks[1].onended()
  await settle()
  assert.deepEqual(errors(), ['microphone_lost'])
  assert.equal(call.state, 'listening')
})

test('comes back to a lost microphone when something stirs, and never out of sight', async () => {
  await begin()
  document.hidden = true
  seen.tracks[0].onended()
  await settle()
  assert.equal(seen.tracks.length, 1)
  seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotFoundError' }))
  document.hidden = false
  document.dispatchEvent(new Event('visibilitychange'))
  await settle()
  document.dispatchEvent(new Event('pointerup'))
  await settle()
  assert.deepEqual(errors(), ['microphone_lost'], 'told once')
  seen.devices.answer = () => undefined
  document.dispatchEvent(new Event('pointerup'))
  await settle()
  assert.equal(seen.nodes[1].source.getAudioTracks()[0], seen.tracks[1])
  document.dispatchEvent(new Event('pointerup'))
  await settle()
  assert.equal(seen.tracks.length, 2, 'and then it is left alone')
})

test('does not ask at every tap after a refusal', async () => {
  seen.devices.answer = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }))
  await begin()
  document.dispatchEvent(new Event('pointerup'))
  await settle()
  assert.equal(seen.log.filter((word) => word === 'ask').length, 1)
})

test('says when the system mutes the microphone for good', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  await begin()
  for (const muted of [false, true]) {
    seen.tracks[0].muted = true
    seen.tracks[0].onmute()
    seen.tracks[0].muted = muted
    mock.timers.tick(2000)
    assert.deepEqual(errors(), muted ? ['microphone_paused'] : [])
  }
})

test('lets go of the microphone half a minute after a call, and when the page goes', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  await begin()
  call.stop()
  mock.timers.tick(29_000)
  assert.equal(seen.log.includes('release'), false)
  mock.timers.tick(1000)
  assert.equal(seen.log.at(-1), 'release')
  assert.equal(navigator.audioSession.type, 'auto')
  call.start()
  await settle()
  seen.page.dispatchEvent(new Event('pagehide'))
  assert.equal(seen.log.at(-1), 'release')
  assert.equal(call.state, 'idle')
})

test('lets wishes go that no microphone fulfils', async () => {
  let asked = 0
  seen.devices.answer = () => asked++ === 0 && Promise.reject(Object.assign(new Error(), { name: 'OverconstrainedError' }))
  await begin({ audio: { deviceId: { exact: 'gone' } } })
  assert.deepEqual([seen.wishes, errors()], [{ audio: true }, []])
})

test('takes another sound for a call when the one there is interrupted', async () => {
  await begin()
  call.stop()
  seen.contexts[0].state = 'interrupted'
  call.start()
  assert.equal(seen.contexts.length, 2)
})

test('says what a page or a browser lacks', () => {
  for (const [lack, code] of [
    [{ isSecureContext: false }, 'insecure_page'], [{ AudioWorkletNode: undefined }, 'no_audio_worklet'], [{ Worker: undefined }, 'no_webassembly'],
  ]) {
    seen = pretend()
    Object.assign(globalThis, lack)
    make()
    call.start()
    assert.deepEqual(errors(), [code])
    assert.equal(told.at(-1).type, 'ended')
    assert.deepEqual(seen.log, [])
  }
})

test('ends when the Worker does not come or breaks, and takes a new one at the next tap', async () => {
  for (const [mishap, code] of [
    [(worker) => worker.onerror(Object.assign(new Event('error', { cancelable: true }))), 'download_failed'],
    [(worker) => worker.onerror(Object.assign(new Event('error', { cancelable: true }), { message: 'unreachable' })), 'internal'],
    [(worker) => worker.onmessage({ data: { type: 'unloaded', message: '404' } }), 'download_failed'],
    [(worker) => worker.onmessage({ data: { type: 'broken', message: 'unreachable' } }), 'internal'],
  ]) {
    seen = pretend()
    await begin()
    mishap(worker())
    assert.deepEqual(errors(), [code])
    assert.equal(told.at(-1).reason, told.find(({ type }) => type === 'error').message)
    assert.equal(call.state, 'idle')
    call.start()
    await settle()
    assert.deepEqual(seen.workers.map(({ isThere }) => isThere), [false, true])
    assert.deepEqual(worker().told, ['start', 'play', 'listen'])
  }
})

test('says nothing of a Worker that did not come before the tap, and tries again', async () => {
  make()
  worker().onerror(new Event('error', { cancelable: true }))
  assert.deepEqual(told, [])
  call.start()
  await settle()
  assert.equal(seen.workers.length, 2)
})

test('ends with a fault of the audio thread, and builds another at the next tap', async () => {
  await begin()
  seen.nodes[0].port.onmessage({ data: { type: 'fault', message: 'out of bounds' } })
  assert.deepEqual(errors(), ['worklet_fault'])
  assert.equal(seen.contexts[0].state, 'closed')
  call.start()
  await settle()
  assert.equal(seen.contexts.length, 2)
  assert.equal(seen.log.filter((word) => word === 'ask').length, 1, 'with the same microphone')
})

test('tells the levels of both, twenty times a second at most, and none of a muted microphone', async () => {
  await begin()
  const [player, recorder] = seen.nodes
  await new Promise((resolve) => setTimeout(resolve, 60))
  for (let each = 0; each < 10; each++) {
    recorder.port.onmessage({ data: { type: 'level', rms: 0.5 } })
    player.port.onmessage({ data: { type: 'level', rms: 0.25 } })
  }
  const levels = () => told.filter(({ type }) => type === 'level')
  assert.equal(levels().length, 1)
  call.muted = true
  await new Promise((resolve) => setTimeout(resolve, 60))
  recorder.port.onmessage({ data: { type: 'level', rms: 0.5 } })
  assert.deepEqual(levels().at(-1), { type: 'level', microphone: 0, model: 0.25 })
})

test('lets go of everything when it is closed', async () => {
  await begin()
  call.close()
  assert.equal(seen.log.at(-1), 'release')
  assert.equal(seen.contexts[0].state, 'closed')
  assert.equal(worker().isThere, false)
})
