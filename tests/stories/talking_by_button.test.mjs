// Push-to-talk: what is said while the button is down is heard, and nothing else.

import assert from 'node:assert/strict'
import { DIST } from '../../scripts/build.mjs'
import { until } from '../sound/fact.mjs'
import { SENTENCES, speak } from '../sound/voice.mjs'
import { Call } from './call.mjs'
import { Gate } from './gate.mjs'
import { House } from './house.mjs'
import { arrived } from './road.mjs'
import { story } from './story.mjs'
import { overhear, overheard, WITNESS } from './witness.mjs'

story('answers what is said while the button is down, and hears nothing else', {}, async tale => {
  const { browser, card, note } = tale
  const { house, call } = await tell(tale, [{ heard: 'What was said.', says: 'So it was.', audio: { tone: { hz: 330, ms: 500 } } }])
  await overhear(browser, 'microphone')
  const said = speak(SENTENCES[2].text, { ...SENTENCES[2], rate: card.rate })
  await card.speak(speak('This is for nobody.', { ...SENTENCES[1], rate: card.rate }))
  const pressed = Date.now()
  await call.press('hold')
  await card.speak(said)
  await call.release()
  const down_s = (Date.now() - pressed) / 1000
  await call.hears('it was answered', ({ type, who }) => type === 'caption_end' && who === 'model')
  await card.speak(speak('Nor is this.', { ...SENTENCES[1], rate: card.rate }))
  const given = await overheard(browser, 'microphone')
  const events = await hangUp(house, call)

  assert.deepEqual(['speech_start', 'speech_end', 'answer'].map(event => all(event, events).length), [1, 1, 1])
  assert.deepEqual((await call.captions()).map(({ who, cut }) => [who, cut]), [['user', false], ['model', false]])
  const heard = house.heard()
  const heard_s = heard.samples.length / heard.rate
  const sentence_s = said.samples.length / said.rate
  note(`the button was down for ${down_s.toFixed(2)} s, and ${heard_s.toFixed(2)} s were heard for a sentence of ${sentence_s.toFixed(2)} s`)
  assert.ok(heard_s > sentence_s, 'all that was said')
  assert.ok(heard_s < down_s + ROLL_S, 'nothing that was said before and after')
  const piece = arrived('what the service heard, in what the browser gave', heard, given, note)
  // The median: where buffers are missing it clicks, and a click reaches beyond the road's filter.
  assert.ok(piece.median_db > 27, `SNR ${piece.median_db} dB`)
  assert.deepEqual(piece.jumps, [], 'nothing lost, nothing twice')
  // A busy machine drops buffers between the sound card and the browser, as hearing.test.mjs tells.
  const toBrowser = arrived('from the mouth to the browser', said, given, note)
  const fromMouth = arrived('from the mouth to the service', said, heard, note)
  assert.ok(fromMouth.correlation > toBrowser.correlation - 0.1, `correlation ${fromMouth.correlation}`)
})

story('closes the turn of a button that was only touched', {}, async tale => {
  const answer = { heard: 'Nothing.', says: 'Yes?', audio: { tone: { hz: 330, ms: 300 } } }
  const { house, call } = await tell(tale, [answer, answer])
  const touches = [
    () => call.tap('hold'),
    () => tale.browser.run('const { call } = screenOf().host; call.press(); call.release()'),
  ]
  for (const [index, touch] of touches.entries()) {
    await touch()
    await call.hears('it was answered', ({ type, who, epoch }) => type === 'caption_end' && who === 'model' && epoch === index + 1)
  }
  const events = await hangUp(house, call)

  const [starts, ends] = [all('speech_start', events), all('speech_end', events)]
  assert.deepEqual([starts.length, ends.length], [2, 2])
  for (const [index, start] of starts.entries()) {
    const turn_s = (ends[index].at_samples - start.at_samples) / 16000
    tale.note(`touch ${index + 1} made a turn of ${(turn_s * 1000).toFixed(0)} ms`)
    assert.ok(turn_s < ROLL_S, `${turn_s} s`)
  }
})

/** A call by button, with a simulator whose turns these are. */
async function tell({ browser, after, explain }, turn) {
  const house = await House.open({ page: DIST, script: { turn, after: 'silent' } })
  after(() => house.close())
  const gate = await Gate.open(house, { script: WITNESS })
  after(() => gate.close())
  const call = await Call.open(browser, gate.url, { mode: 'push_to_talk', audio: UNTOUCHED })
  explain(async () => ({ page: await call.told(), simulator: await house.account() }))
  await call.tap()
  await call.reach('listening')
  return { house, call }
}

/** Hangs up; returns what happened at the simulator. */
async function hangUp(house, call) {
  await call.tap()
  await call.reach('ended')
  assert.deepEqual((await call.told()).filter(({ type }) => type === 'error'), [])
  return until('the simulator wrote it down', () => {
    const { events = [] } = house.events()
    return events.some(({ event }) => event === 'gone') && events
  })
}

/** All events of a kind. */
function all(kind, events) {
  return events.filter(({ event }) => event === kind)
}

const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }

/** What is heard around a press: 300 ms before it, some 100 ms after it, and as much again for a busy machine. */
const ROLL_S = 0.8
