// A conversation held by Google's JavaScript SDK, unchanged. Its twin is talker.py: both take the same errand and
// tell the same of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { GoogleGenAI } from '@google/genai'
import { ROOT } from '../../scripts/child.mjs'

/** The SDK that talks. */
export const version = `@google/genai ${JSON.parse(readFileSync(join(ROOT, 'node_modules/@google/genai/package.json'))).version}`

/**
 * Does an errand.
 * @param {{ url: string, key: string, model: string, config: object, mint?: object, steps: object[] }} errand
 *   `mint`: talk with an ephemeral token made of it. Steps: `{speak: FILE}` streams 16 kHz PCM, `{text}` types,
 *   `{content}` sends a turn, `{hear: 'a.b'}` waits for a message that has it, `{answer}` answers the calls heard last.
 * @returns {Promise<{ messages: object[], token?: string, closed?: { code: number, reason: string } }>}
 */
export async function talk({ url, key, model, config, mint, steps, pace }) {
  const told = { messages: [] }
  if (mint) told.token = key = await token(url, key, mint)
  const session = await Ear.open(client(url, key, mint && 'v1alpha'), { model, config }, told)
  for (const step of steps) {
    if (told.closed) break
    await take(step, session, pace)
  }
  session.close()
  return told
}

function client(baseUrl, apiKey, apiVersion) {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl, ...(apiVersion && { apiVersion }) } })
}

async function token(url, key, config) {
  const { name } = await client(url, key, 'v1alpha').authTokens.create({ config })
  return name
}

async function take(step, ear, pace) {
  if ('speak' in step) await speak(ear.session, readFileSync(step.speak), pace)
  else if ('text' in step) ear.session.sendRealtimeInput({ text: step.text })
  else if ('content' in step) ear.session.sendClientContent({ turns: step.content })
  else if ('answer' in step) ear.session.sendToolResponse({ functionResponses: ear.calls().map(({ id, name }) =>
    ({ id, name, response: step.answer })) })
  else await ear.hear(step.hear)
}

/** Streams PCM in frames of 20 ms, `pace` times as fast as it sounds. */
async function speak(session, pcm, pace) {
  const begun = performance.now()
  for (let at = 0; at < pcm.length; at += FRAME_BYTES) {
    await pause(Math.max(0, begun + at / BYTES_PER_MS / pace - performance.now()))
    const data = pcm.subarray(at, at + FRAME_BYTES).toString('base64')
    session.sendRealtimeInput({ audio: { data, mimeType: 'audio/pcm;rate=16000' } })
  }
  session.sendRealtimeInput({ audioStreamEnd: true })
}

/** A session that remembers what it was told, and how it ended. */
class Ear {
  static async open(client, { model, config }, told) {
    const ear = new Ear(told)
    // `connect` never settles where the socket closes before the setup is complete.
    const session = client.live.connect({ model, config, callbacks: {
      onmessage: message => ear.#note(() => told.messages.push(JSON.parse(JSON.stringify(message)))),
      onclose: ({ code, reason }) => ear.#note(() => { told.closed ??= { code, reason } }),
      onerror: ({ message }) => ear.#note(() => { told.closed ??= { code: 1006, reason: message } }),
    } })
    session.then(session => ear.#note(() => { ear.session = session }))
    await ear.#until(() => ear.session || told.closed)
    return ear
  }

  session
  #told
  #heard = 0
  #waiting = () => {}

  constructor(told) {
    this.#told = told
  }

  /** Waits for a message that has something at `path`, from where the last was found. */
  async hear(path) {
    const has = message => path.split('.').reduce((value, name) => value?.[name], message)
    await this.#until(() => {
      while (this.#heard < this.#told.messages.length) if (has(this.#told.messages[this.#heard++])) return true
      return this.#told.closed
    })
  }

  /** The calls in the last message that was waited for. */
  calls() {
    return this.#told.messages[this.#heard - 1].toolCall.functionCalls
  }

  close() {
    this.session?.close()
  }

  #note(fact) {
    fact()
    this.#waiting()
  }

  async #until(fact) {
    while (!fact()) await new Promise(resolve => { this.#waiting = resolve })
  }
}

const BYTES_PER_MS = 32
const FRAME_BYTES = 20 * BYTES_PER_MS
