// The thread of the call: the socket and the machine that decides, in WebAssembly. It only passes on.

import init, { Call } from '../../pkg/vivavoce.js'
import { detector } from './vad.js'

const ready = init({ module_or_path: new URL('../../pkg/vivavoce_bg.wasm', import.meta.url) })
ready.catch((error) => postMessage({ type: 'unloaded', message: String(error) }))

/** The call, and the number by which the page knows it. */
let call
let current

const deeds = {
  start({ number, url, ticket, getsTickets, client, greeting, continues, functions, mode, bargeIn, bargeInPatienceMs, muted }) {
    call?.free()
    current = number
    const own = call = new Call(url, ticket, getsTickets, client, greeting, continues, functions, mode, bargeIn, bargeInPatienceMs, (event) => {
      postMessage({ type: 'event', number, event })
      if (event.type === 'ready') lend(own)
      if (event.type === 'ended') queueMicrotask(() => end(own))
    })
    if (muted) own.mute(true)
    own.start()
  },
  listen: ({ port }) => call.listen(port),
  play: ({ port }) => call.playTo(port),
  mute: ({ muted }) => call.mute(muted),
  press: ({ pressed }) => call.press(pressed),
  interrupt: () => call.interrupt(),
  wake: () => call.wake(),
  admit: ({ ticket }) => call.admit(ticket),
  say: ({ text }) => call.say(text),
  word: ({ json }) => call.word(json),
  stop: () => call.hangUp(),
}

// Each waits for the same promise, so they stay in order.
onmessage = ({ data }) => ready.then(() => act(data), () => {})

// What a promise swallows, the page must hear as well.
onunhandledrejection = ({ reason }) => postMessage({ type: 'broken', message: String(reason) })

function act(message) {
  if (message.type === 'start' || (call && message.number === current)) deeds[message.type](message)
  else message.port?.close()
}

/** Gives a call its detector of speech; a call without one is only slower to hear an interruption. */
async function lend(own) {
  try {
    const ear = await detector()
    if (call === own) own.detect(ear)
  } catch (error) {
    console.warn('viva-voce: without a detector of speech:', error)
  }
}

/** Lets go of a call that is over. */
function end(over) {
  if (call !== over) return
  call = undefined
  over.free()
}
