// The bench on a context's own thread, in an AudioWorkletGlobalScope.

import { Sound } from './load.mjs'

registerProcessor('bench', class extends AudioWorkletProcessor {
  constructor({ processorOptions: { source, module } }) {
    super()
    const sound = new Sound(source, module, sampleRate)
    this.port.onmessage = ({ data: { deed, seconds } }) => this.port.postMessage(sound[deed](seconds))
  }
})
