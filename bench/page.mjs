// The bench in a page: the same rounds as in Node, and what only a browser has.

import { judgeBufferSource, judgeContext, raceBufferSource } from './browser.mjs'
import { libsamplerate, ours, rubato } from './contestants.mjs'
import { hurry } from './rounds.mjs'

/** Runs it; `wishes` has the paths of the modules and how many rounds. */
window.bench = async ({ worklet, door, courier, how }) => {
  const module = await compiled(worklet)
  const contestants = [ours(module), ...rubato(await compiled(door)), ...libsamplerate(window.LibSampleRate)]
  const source = await (await fetch(courier)).text()
  return {
    speed: await hurry(contestants, (rate) => threads(source, module, rate), how),
    own: { quality: [...await judgeBufferSource(), await judgeContext()], races: await raceBufferSource(how) },
  }
}

/** The threads of a call: that of a context at `rate`, which is silent, and a Worker. */
async function threads(source, module, rate) {
  const context = new OfflineAudioContext(1, 128, rate)
  await context.audioWorklet.addModule('/bench/thread.mjs')
  const node = new AudioWorkletNode(context, 'bench', { processorOptions: { source, module } })
  const sound = asking('the audio thread', node.port)
  const ear = asking('the Worker', new Worker('/bench/worker.mjs', { type: 'module' }))
  return {
    capture: (seconds) => sound({ deed: 'capture', seconds }),
    playback: (seconds) => sound({ deed: 'playback', seconds }),
    stream: (seconds) => sound({ deed: 'stream', seconds }),
    hear: ear,
  }
}

/** What puts questions to another thread, one after the other. */
function asking(name, port) {
  return (question) => new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error(`${name} does not answer`)), 60_000)
    port.onmessage = ({ data }) => {
      clearTimeout(patience)
      resolve(data)
    }
    port.postMessage(question)
  })
}

async function compiled(path) {
  return WebAssembly.compile(await (await fetch(path)).arrayBuffer())
}
