// The module as a file: what it is allowed to be.

import assert from 'node:assert/strict'
import test from 'node:test'
import { moduleBytes } from './scope.mjs'

test('it imports nothing', () => {
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(moduleBytes())), [])
})

test('it is small', () => {
  const bytes = weight(new Uint8Array(moduleBytes()))
  assert.ok(bytes > 4000 && bytes <= LIMIT_BYTES, `${bytes} bytes`)
})

test('its memory cannot grow', () => {
  const { memory } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports
  assert.throws(() => memory.grow(1), RangeError)
})

test('whatever numbers it is given, it neither traps nor leaves its areas', () => {
  const calls = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports
  const numbers = [0, 1, 127, 4097, 2 ** 31, 2 ** 32 - 1, -1, NaN, Infinity, -Infinity, 2 ** 53, 1e300]
  for (const one of numbers) {
    for (const other of numbers) {
      calls.recorder_init(48000)
      calls.player_init(44100)
      calls.recorder_push(one, other)
      calls.player_push(one, other, 1000)
      calls.player_push(1, one, other)
      calls.player_thresholds(one, other)
      calls.player_latency(one)
      calls.player_end(one, other)
      calls.player_pull(other)
      calls.player_flush(one)
      calls.player_pull(other)
      calls.player_report()
      calls.player_notice()
    }
    calls.recorder_init(one)
    calls.player_init(one)
    calls.recorder_push(2, 128)
    calls.player_pull(128)
  }
})

/** What it weighs without custom sections: names are stripped before it is shipped. */
function weight(bytes) {
  let [at, sum] = [8, 8]
  while (at < bytes.length) {
    const start = at
    const id = bytes[at++]
    let [size, shift] = [0, 0]
    do {
      size |= (bytes[at] & 127) << shift
      shift += 7
    } while (bytes[at++] & 128)
    at += size
    if (id !== 0) sum += at - start
  }
  return sum
}

/** 18 KiB as it is shipped; some more before wasm-opt. */
const LIMIT_BYTES = 20 * 1024
