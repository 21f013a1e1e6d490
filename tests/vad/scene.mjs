// A pretend room: the model speaks from the loudspeaker, some of it comes back into the microphone, and a person
// speaks over it.

import { speak } from '../sound/voice.mjs'
import { rms } from '../sound/signal.mjs'

const RATE = 16_000

/** The model's speech, by one voice: sentences at −20 dBFS. */
export function modelSpeech() {
  return SENTENCES.map((text) => atLevel(trimmed(speak(text, { rate: RATE, voice: 'en-us' }).samples), -20))
}

/** What people say when they interrupt, by five other voices, each 400 ms long or longer. */
export function interruptions() {
  const said = VOICES.flatMap((voice) => WORDS.map((text) => trimmed(speak(text, { rate: RATE, voice }).samples)))
  return said.filter((samples) => samples.length >= 0.4 * RATE)
}

/**
 * A call of `seconds` in which the model talks in turns of 8 to 18 s and is spoken over `count` times.
 * @param {{ model: Float32Array[], people: Float32Array[] }} speech
 * @param {{ echo_db: number, delay_ms: number, room?: boolean, seed: number, seconds?: number, count?: number }} how
 *   what the microphone gets of the loudspeaker, and how late; `room` blurs it over 100 ms and colours it
 * @returns {{ pcm: Int16Array, sounding: Uint8Array, said: { start_ms: number, end_ms: number, level_db: number }[] }}
 */
export function scene(speech, { echo_db, delay_ms, room = false, seed, seconds = 300, count = 100 }) {
  const random = dice(seed)
  const { samples, sounding } = talk(speech.model, seconds, random)
  const echo = room ? blurred(samples, random) : samples
  const [delay, gain] = [Math.round(delay_ms * RATE / 1000), 10 ** (echo_db / 20)]
  const microphone = new Float32Array(samples.length)
  for (let i = 0; i < microphone.length; i++) microphone[i] = (random() - 0.5) * NOISE + (i >= delay ? gain * echo[i - delay] : 0)
  const said = interrupt(microphone, speech.people, count, random)
  return { pcm: integers(microphone), sounding, said }
}

/** What came of a scene: false begins, words missed, and from onset to decision in ms, sorted. */
export function judge(changes, said) {
  const begins = changes.filter(({ begins }) => begins).map(({ ms }) => ms)
  const isOf = (ms, { start_ms, end_ms }) => ms >= start_ms && ms <= end_ms + LATE_MS
  const found = said.map((word) => begins.find((ms) => isOf(ms, word)) - word.start_ms)
  const delays = found.filter((delay) => !Number.isNaN(delay)).sort((a, b) => a - b)
  return { wrong: begins.filter((ms) => !said.some((word) => isOf(ms, word))).length, missed: said.length - delays.length, delays }
}

function integers(samples) {
  const pcm = new Int16Array(samples.length)
  for (let i = 0; i < pcm.length; i++) pcm[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32768)))
  return pcm
}

/** Sentence after sentence, as the loudspeaker plays them. */
function talk(sentences, seconds, random) {
  const samples = new Float32Array(seconds * RATE)
  const sounding = new Uint8Array(samples.length)
  let [at, turnEnd, index] = [RATE, 11 * RATE, 0]
  while (at < samples.length) {
    const sentence = sentences[index++ % sentences.length]
    samples.set(sentence.subarray(0, samples.length - at), at)
    const end = at + sentence.length
    const isLast = end > turnEnd
    const next = end + Math.round((isLast ? 1 + 1.5 * random() : 0.15 + 0.4 * random()) * RATE)
    sounding.fill(1, at, isLast ? end : next)
    if (isLast) turnEnd = next + Math.round((8 + 10 * random()) * RATE)
    at = next
  }
  return { samples, sounding }
}

/** Puts the words into the sound, each at a level of its own. */
function interrupt(microphone, people, count, random) {
  const slot = (microphone.length / RATE - 8) / count
  return Array.from({ length: count }, (_, index) => {
    const whole = people[Math.floor(random() * people.length)]
    const level_db = -32 + 12 * random()
    const word = atLevel(whole.subarray(0, Math.floor((slot - 0.7) * RATE)), level_db)
    const start = Math.floor((6 + index * slot + random() * (slot - 0.6 - word.length / RATE)) * RATE)
    for (let i = 0; i < word.length; i++) microphone[start + i] += word[i]
    return { start_ms: start * 1000 / RATE, end_ms: (start + word.length) * 1000 / RATE, level_db }
  })
}

/** Through a small room: sixty reflections that fade over 100 ms, less treble and less bass, as loud as before. */
function blurred(samples, random) {
  const paths = [[0, 1], ...Array.from({ length: 60 }, () => {
    const late_ms = 2 + 100 * random()
    return [Math.round(late_ms * RATE / 1000), (random() * 2 - 1) * 0.45 * Math.exp(-late_ms / 40)]
  })]
  const sum = new Float32Array(samples.length)
  for (const [late, gain] of paths) {
    for (let i = late; i < sum.length; i++) sum[i] += gain * samples[i - late]
  }
  let [low, slow] = [0, 0]
  for (let i = 0; i < sum.length; i++) {
    low += 0.6 * (sum[i] - low)
    slow += 0.06 * (low - slow)
    sum[i] = low - slow
  }
  const gain = rms(samples) / rms(sum)
  for (let i = 0; i < sum.length; i++) sum[i] *= gain
  return sum
}

/** From the first 10 ms within 20 dB of the whole to the last: where a listener would say it begins. */
function trimmed(samples) {
  const [block, least] = [RATE / 100, rms(samples) / 10]
  let [from, to] = [0, samples.length]
  while (from + block < to && rms(samples, from, from + block) < least) from += block
  while (to - block > from && rms(samples, to - block, to) < least) to -= block
  return samples.slice(from, to)
}

function atLevel(samples, dbfs) {
  const gain = 10 ** (dbfs / 20) / rms(samples)
  return samples.map((sample) => gain * sample)
}

/** Mulberry32: the same scene for the same seed. */
function dice(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A quiet room: −75 dBFS. */
const NOISE = 6e-4

/** A word of the least length is decided on after its end at the latest so much. */
const LATE_MS = 150

const VOICES = ['en+f2', 'en-us+m3', 'en-gb-scotland+f4', 'en+m7', 'en-us+f5']

const WORDS = ['Stop.', 'Wait, wait.', 'No, no, no.', 'Excuse me.', 'Hold on a second.', 'That is enough.', 'One moment please.',
  'Actually, never mind.', 'But why?', 'Could you repeat that?', 'What about tomorrow?', 'Okay, thank you.', 'I have a question.',
  'Listen to me.', 'Not that one.', 'Hey, stop talking.']

const SENTENCES = [
  'Good morning. The weather in Lisbon today is sunny, with a light wind from the north west and a high of twenty four degrees.',
  'Flowers should be watered in the evening, when the sun no longer burns; once a week is enough in spring, every other day in summer.',
  'The train leaves at seven minutes past nine from platform four, and it reaches the coast a little before noon.',
  'There are three ways to answer that question. The first one is short, the second is honest, and the third takes all afternoon.',
  'If you add the sugar before the butter has melted, the dough becomes hard. Wait until it foams, then stir slowly.',
  'My favourite river runs through a valley full of cherry trees. In April its water carries so many petals that it looks like snow.',
]
