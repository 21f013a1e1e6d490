// A story: one test in every engine, each with a sound card and a browser of its own.

import { test } from 'node:test'
import { SoundCard } from '../sound/card.mjs'
import { Browser, ENGINES } from './engine.mjs'

/**
 * Tells a story once in each engine.
 *
 * `told` gets `{ engine, browser, card, note, after, explain }`: `note(text)` prints a figure, `after(close)` is done
 * when the story is over, however it ends, last first; what `explain(account)` names is asked for and printed when the
 * story fails.
 * @param {string} name a sentence
 * @param {{ rate?: number, engines?: string[] }} how the sound card's rate in Hz; fewer engines
 */
export function story(name, { rate = 44100, engines = ENGINES } = {}, told) {
  for (const engine of engines.filter(each => ENGINES.includes(each))) {
    test(`${name} (${engine})`, { timeout: PATIENCE_MS }, async t => {
      const ends = []
      const after = end => ends.unshift(end)
      // Not `finally`: a story that hangs is ended too.
      t.after(async () => {
        for (const end of ends) await end()
      })
      const card = await twice(() => SoundCard.open({ rate }))
      after(() => card.close())
      const browser = await twice(() => Browser.open(engine, card))
      after(() => browser.close())
      const note = text => t.diagnostic(`${engine}: ${text}`)
      const accounts = []
      try {
        await told({ engine, browser, card, after, note, explain: account => accounts.push(account) })
      } catch (error) {
        for (const account of accounts) note(JSON.stringify(await account().catch(String)))
        throw error
      }
    })
  }
}

/** Starts something that is not ours and may fail to start; a second failure is told. */
async function twice(open) {
  try {
    return await open()
  } catch {
    return open()
  }
}

const PATIENCE_MS = 120_000
