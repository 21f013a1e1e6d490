// The detector of the person's speech: a module of its own, which is downloaded once a call is on.

const MODULE = new URL('../../pkg/vivavoce_vad.wasm', import.meta.url)

/** A detector that has heard nothing. */
export async function detector() {
  const answer = await fetch(MODULE)
  if (!answer.ok) throw new Error(`${MODULE.href}: ${answer.status}`)
  const { instance: { exports: calls } } = await WebAssembly.instantiate(await answer.arrayBuffer())
  const area = new Uint8Array(calls.memory.buffer, calls.samples_area(), 2 * calls.samples_capacity())
  return {
    /** Hears at most 64 ms of 16 kHz PCM; see `vad_push` in crates/vad. */
    push(pcm, sounding) {
      area.set(pcm)
      return calls.vad_push(pcm.length >> 1, sounding)
    },
  }
}
