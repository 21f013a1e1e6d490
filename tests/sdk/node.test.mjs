// The proof that the simulator is faithful: Google's own SDKs talk with it, unchanged, as with the service.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { SENTENCES, speak } from '../sound/voice.mjs'
import * as javascript from './javascript.mjs'
import * as python from './python.mjs'
import { Simulator } from './simulator.mjs'

const folder = mkdtempSync(join(tmpdir(), 'sdk-'))
const file = join(folder, 'spoken.pcm')
let spoken
let simulator

before(async () => {
  await python.install()
  spoken = pcm(speak(SENTENCES[1].text, { ...SENTENCES[1], rate: 16000, silence_s: 1.2 }).samples)
  writeFileSync(file, spoken)
  simulator = await Simulator.open({ script: SCRIPT, speed: PACE })
}, { timeout: 300_000 })

after(async () => {
  await simulator?.close()
  rmSync(folder, { recursive: true, force: true })
})

for (const { version, talk } of [javascript, python]) {
  describe(version, { timeout: 120_000 }, () => {
    const ask = errand => talk({ url: simulator.url, certificate: simulator.certificate, key: 'any key',
      model: 'gemini-3.8-live', config: CONFIG, pace: PACE, ...errand })

    test('speaks, and hears an answer', async () => {
      const { messages } = await ask({ steps: [{ speak: file }, { hear: 'serverContent.turnComplete' }] })
      assert.match(transcript(messages, 'inputTranscription'), /speech/)
      assert.notEqual(transcript(messages, 'outputTranscription').trim(), '')
      assertTurn(messages)
      assert.deepEqual(activities(messages), ['ACTIVITY_START', 'ACTIVITY_END'])
      const session = simulator.sessions
      await simulator.events(session)
      assertSame(pcm(simulator.heard(session)), spoken)
      assertSame(audio(messages), pcm(simulator.said(session)))
    })

    test('types, as content and as it happens', async () => {
      for (const step of [{ content: 'Good morning' }, { text: 'Good evening' }]) {
        const { messages } = await ask({ steps: [step, { hear: 'serverContent.turnComplete' }] })
        assertTurn(messages)
      }
    })

    test('is called by a tool, and answers', async () => {
      const { messages } = await ask({ config: { ...CONFIG, tools: [{ functionDeclarations: [BOOKING] }] },
        steps: [{ text: 'Please book a table.' }, { hear: 'toolCall' }, { answer: { output: { table: 12 } } },
          { hear: 'serverContent.turnComplete' }] })
      const { functionCalls } = messages.find(({ toolCall }) => toolCall).toolCall
      assert.equal(functionCalls.length, 1)
      assert.equal(functionCalls[0].name, 'book_table')
      assert.deepEqual(functionCalls[0].args, { people: 4 })
      assert.equal(transcript(messages, 'outputTranscription').trim(), 'It is booked.')
      assertTurn(messages)
      const events = await simulator.events(simulator.sessions)
      assert.ok(events.some(({ event }) => event === 'tool_response'), JSON.stringify(events))
    })

    test('goes on with a session over another connection', async () => {
      const first = await ask({ steps: [{ content: 'My name is Ada.' }, { hear: 'serverContent.turnComplete' },
        { hear: 'sessionResumptionUpdate.newHandle' }] })
      const handle = newestHandle(first.messages)
      const second = await ask({ config: { ...CONFIG, sessionResumption: { handle } },
        steps: [{ text: 'Who am I?' }, { hear: 'serverContent.turnComplete' }, { hear: 'sessionResumptionUpdate.newHandle' }] })
      assertTurn(second.messages)
      assert.notEqual(newestHandle(second.messages), handle)
    })

    test('is told that a handle is none', async () => {
      const { closed } = await ask({ config: { ...CONFIG, sessionResumption: { handle: 'none' } }, steps: [{ hear: 'goAway' }] })
      assert.equal(closed.code, 1008)
      assert.match(closed.reason, /not found/)
    })

    test('interrupts', async () => {
      const { messages } = await ask({ steps: [{ content: 'Tell me a long story.' }, { hear: 'serverContent.outputTranscription' },
        { content: 'Stop.' }, { hear: 'serverContent.interrupted' }, { hear: 'serverContent.turnComplete' },
        { hear: 'serverContent.turnComplete' }] })
      const flags = messages.flatMap(({ serverContent = {} }) =>
        ['interrupted', 'generationComplete', 'turnComplete'].filter(flag => serverContent[flag]))
      assert.deepEqual(flags, ['interrupted', 'turnComplete', 'generationComplete', 'turnComplete'])
    })

    test('mints a token and talks with it, once', async () => {
      const mint = { uses: 1, liveConnectConstraints: { model: 'gemini-3.8-live', config: CONFIG } }
      const steps = [{ text: 'Good morning' }, { hear: 'serverContent.turnComplete' }]
      const { messages, token } = await ask({ mint, steps })
      assert.match(token, /^auth_tokens\//)
      assertTurn(messages)
      const { closed } = await ask({ key: token, steps })
      assert.equal(closed.code, 1011)
      assert.match(closed.reason, /used too many times/)
    })

    test('is told that a model does not exist', async () => {
      const { closed } = await ask({ model: 'gemini-0.1-live', steps: [{ hear: 'goAway' }] })
      assert.equal(closed.code, 1008)
      assert.match(closed.reason, /^models\/gemini-0\.1-live is not found for API version v1(beta)?,/)
    })

    test('is told that a key is none', async () => {
      const { closed } = await ask({ key: 'wrong', steps: [{ hear: 'goAway' }] })
      assert.equal(closed.code, 1007)
      assert.match(closed.reason, /^API key not valid/)
    })
  })
}

/** What is true of every whole turn. */
function assertTurn(messages) {
  const contents = messages.flatMap(({ serverContent }) => serverContent ?? [])
  const parts = contents.flatMap(({ modelTurn }) => modelTurn?.parts ?? [])
  assert.ok(parts.length > 0 && parts.every(({ inlineData }) => inlineData?.mimeType === 'audio/pcm;rate=24000'))
  assert.ok(audio(messages).length >= 24000, 'half a second of audio at least')
  const [generated, completed] = ['generationComplete', 'turnComplete'].map(flag => contents.findIndex(content => content[flag]))
  assert.ok(generated >= 0 && completed >= generated)
  const usage = messages.find(({ serverContent }) => serverContent?.turnComplete).usageMetadata
  assert.ok(usage.totalTokenCount > 0 && usage.totalTokenCount >= usage.responseTokenCount)
}

function assertSame(found, expected) {
  assert.equal(found.length, expected.length)
  assert.ok(found.equals(expected), 'the samples are those that were sent')
}

/** The audio of all messages: Python's SDK writes base64 in its URL-safe alphabet, and Buffer reads both. */
function audio(messages) {
  const parts = messages.flatMap(({ serverContent }) => serverContent?.modelTurn?.parts ?? [])
  return Buffer.concat(parts.map(({ inlineData }) => Buffer.from(inlineData.data, 'base64')))
}

function transcript(messages, whose) {
  return messages.map(({ serverContent }) => serverContent?.[whose]?.text ?? '').join('')
}

/** Both SDKs have a name of their own for the field. */
function activities(messages) {
  return messages.flatMap(({ voiceActivity }) => voiceActivity?.type ?? voiceActivity?.voiceActivityType ?? [])
}

function newestHandle(messages) {
  const updates = messages.flatMap(({ sessionResumptionUpdate }) => sessionResumptionUpdate ?? [])
  return updates.filter(({ resumable, newHandle }) => resumable && newHandle).at(-1).newHandle
}

function pcm(samples) {
  return Buffer.from(Int16Array.from(samples, sample => Math.max(-32768, Math.min(32767, Math.round(sample * 32768)))).buffer)
}

/** How many times faster than life the conversations go. */
const PACE = 4

const CONFIG = {
  responseModalities: ['AUDIO'],
  speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
  systemInstruction: 'Answer in two short sentences.',
  realtimeInputConfig: { automaticActivityDetection: { endOfSpeechSensitivity: 'END_SENSITIVITY_HIGH', silenceDurationMs: 700 } },
  contextWindowCompression: { triggerTokens: '25600', slidingWindow: { targetTokens: '12800' } },
  inputAudioTranscription: {},
  outputAudioTranscription: {},
  sessionResumption: {},
}

const BOOKING = {
  name: 'book_table', description: 'Reserves a table', behavior: 'BLOCKING',
  parameters: { type: 'OBJECT', properties: { people: { type: 'INTEGER' } }, required: ['people'] },
}

const SCRIPT = {
  keys: { accept: ['any key'] },
  turn: [
    { when: 'book a table', says: 'It is booked.', tool: [{ name: 'book_table', args: { people: 4 } }] },
    { when: 'long story', says: 'Once upon a time there was a simulator that talked and talked.',
      audio: { tone: { hz: 300, ms: 120_000 } } },
  ],
}

console.log(`${javascript.version}, ${python.version}`)
