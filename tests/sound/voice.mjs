// Somebody to talk with the page: sentences spoken by espeak-ng when the tests run.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concat, resample } from './signal.mjs'
import { decodeWav } from './wav.mjs'

/**
 * Speaks a text.
 * @param {string} text
 * @param {{ rate?: number, voice?: string, pitch?: number, silence_s?: number }} [how] rate in Hz; silence before and after
 * @returns {{ samples: Float32Array, rate: number }}
 */
export function speak(text, { rate = 44100, voice = 'en', pitch = 50, silence_s = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'voice-'))
  try {
    const file = join(folder, 'voice.wav')
    const { status, error } = spawnSync('espeak-ng', ['-v', voice, '-p', String(pitch), '-w', file, text])
    if (status !== 0) throw error ?? new Error(`espeak-ng ended with ${status}`)
    const silence = new Float32Array(Math.round(silence_s * rate))
    return { samples: concat(silence, resample(decodeWav(readFileSync(file)), rate), silence), rate }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Sentences of two to four seconds, different in length, melody and speaker. */
export const SENTENCES = [
  { text: 'Good morning. Would you tell me what the weather is like in Lisbon today?', voice: 'en', pitch: 45 },
  { text: 'Please remind me to water the flowers on Thursday evening.', voice: 'en-us', pitch: 60 },
  { text: 'Stop, stop, that is quite enough, thank you very much.', voice: 'en', pitch: 35 },
]
