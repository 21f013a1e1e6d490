// The bench in a page: the same rounds as in Node, and what only a browser has.

import { judgeBufferSource, judgeContext, raceBufferSource } from './browser.mjs'
import { libsamplerate, ours, rubato } from './contestants.mjs'
import { hurry } from './rounds.mjs'

/** Runs it; `wishes` has the paths of the modules and how many rounds. */
window.bench = async ({ worklet, door, vad, courier, how }) => {
  const module = await compiled(worklet)
  const contestants = [ours(module), ...rubato(await compiled(door)), ...libsamplerate(window.LibSampleRate)]
  const source = await (await fetch(courier)).text()
  const detector = vad && new WebAssembly.Instance(await compiled(vad)).exports
  return {
    speed: await hurry(contestants, { source, module, vad: detector }, how),
    own: { quality: [...await judgeBufferSource(), await judgeContext()], races: await raceBufferSource(how) },
  }
}

async function compiled(path) {
  return WebAssembly.compile(await (await fetch(path)).arrayBuffer())
}
