// The detector's module, heard through as the Worker does it, hop by hop.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** 16 ms at 16 kHz. */
export const HOP_SAMPLES = 256

/** The bytes of the module: what the build made, or made here. */
export function moduleBytes() {
  const built = join(ROOT, 'pkg', 'vivavoce_vad.wasm')
  return readFileSync(existsSync(built) ? built : compile())
}

function compile() {
  const told = execFileSync('cargo', ['build', '--locked', '--profile', 'worklet', '--target', 'wasm32-unknown-unknown',
    '-p', 'vivavoce-vad', '--message-format', 'json'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const files = told.split('\n').filter(Boolean).flatMap((line) => JSON.parse(line).filenames ?? [])
  return files.findLast((name) => name.endsWith('vivavoce_vad.wasm'))
}

/** One instance, that has heard nothing. */
export class Ear {
  static #module

  constructor() {
    Ear.#module ??= new WebAssembly.Module(moduleBytes())
    this.calls = new WebAssembly.Instance(Ear.#module).exports
    this.area = new Int16Array(this.calls.memory.buffer, this.calls.samples_area(), this.calls.samples_capacity())
  }

  /** Hears samples, at most as many as the area holds; 1 if the person began to speak, 2 if they stopped. */
  push(samples, sounding = false) {
    this.area.set(samples)
    return this.calls.vad_push(samples.length, sounding ? 1 : 0)
  }

  /** Hears all of a sound; `sounding(i)` tells whether the model sounds at sample `i`. Returns each change with its time. */
  hear(pcm, sounding = () => false) {
    const changes = []
    for (let at = 0; at + HOP_SAMPLES <= pcm.length; at += HOP_SAMPLES) {
      const change = this.push(pcm.subarray(at, at + HOP_SAMPLES), sounding(at + HOP_SAMPLES - 1))
      if (change) changes.push({ ms: (at + HOP_SAMPLES) / 16, begins: change === 1 })
    }
    return changes
  }
}
