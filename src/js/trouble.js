/** One thing that went wrong: `code` for programs, `message` for people, who read in it what to do. */
export class Trouble extends Error {
  /** `code` is a key of the sentences below; `detail` is for the console only. */
  constructor(code, detail, sentence = SENTENCES[code]) {
    super(sentence, { cause: detail })
    this.name = 'Trouble'
    this.code = code
  }
}

/** What this page lacks for a call at all, or `undefined`. */
export function lack(page = globalThis) {
  if (page.isSecureContext === false) return new Trouble('insecure_page')
  if (!page.WebAssembly || !page.Worker) return new Trouble('no_webassembly')
  if (!page.AudioContext || !page.AudioWorkletNode) return new Trouble('no_audio_worklet')
}

/** What a failed `getUserMedia` means. `host` is the client around the page, see {@link hostOf}. */
export function microphoneTrouble(error, host = '') {
  const code = MICROPHONE[error?.name] ?? 'microphone_failed'
  const sentence = code === 'microphone_denied' || code === 'microphone_closed' ? DENIED_IN[host] : undefined
  return new Trouble(code, error, sentence)
}

/** The Telegram client around the page where its microphone is peculiar; else an empty string. */
export function hostOf(platform = '', agent = '') {
  if (platform === 'tdesktop' && /Windows/.test(agent)) return 'telegram-windows'
  if (platform === 'tdesktop' && /Linux/.test(agent)) return 'telegram-linux'
  if (platform.startsWith('web')) return 'telegram-web'
  return platform && platform !== 'unknown' ? 'telegram' : ''
}

/** By the names of the exceptions of `getUserMedia`; without `mediaDevices` it is a TypeError. */
const MICROPHONE = {
  NotAllowedError: 'microphone_denied',
  NotFoundError: 'microphone_missing',
  NotReadableError: 'microphone_busy',
  AbortError: 'microphone_busy',
  SecurityError: 'microphone_closed',
  InvalidStateError: 'microphone_closed',
  TypeError: 'microphone_closed',
}

const SENTENCES = {
  microphone_denied: 'The microphone is not allowed. Allow it for this page in the browser’s settings and tap again; until then you can type.',
  microphone_missing: 'No microphone was found. Connect one and tap again; until then you can type.',
  microphone_busy: 'The microphone is in use by another app. Close that app or end its call, then tap again; until then you can type.',
  microphone_closed: 'This app gives pages no microphone. Open the page in a browser to speak; here you can type.',
  microphone_failed: 'The microphone could not be opened. Check it in the system’s settings and tap again; until then you can type.',
  microphone_waiting: 'The microphone is still waiting for your permission. Look for a question from the browser and allow it; until then you can type.',
  microphone_paused: 'The microphone is paused: a telephone call, another app or a switch on the device holds it. End that to be heard; until then you can type.',
  microphone_lost: 'The microphone went away. Connect it again, or hang up and tap again; until then you can type.',
  insecure_page: 'This page was not opened securely, so the browser gives it no microphone. Open it by its https:// address.',
  no_webassembly: 'This browser cannot run calls: it lacks WebAssembly. Update it, or open the page in another browser.',
  no_audio_worklet: 'This browser cannot play calls: it lacks AudioWorklet. Update it, or open the page in another browser.',
  audio_suspended: 'The browser holds the sound back. Tap anywhere on the page to hear the call.',
  audio_stuck: 'The sound does not move on this device. Check that it has a loudspeaker or headphones, then hang up and tap again.',
  download_failed: 'A part of this page could not be loaded. Check the connection and tap again.',
  worklet_fault: 'The sound stopped because of a fault in this page. Hang up and tap again; if it comes back, reload the page.',
  internal: 'The call stopped because of a fault in this page. Tap again; if it comes back, reload the page.',
  bad_url: 'This page does not know whom to call: its address of the proxy is no ws:// or wss:// address. Tell whoever runs the page.',
  no_ticket: 'You could not be admitted to the call. Check the connection and tap again.',
}

/** Where the usual advice does not help; from the sources of Telegram's clients. */
const DENIED_IN = {
  telegram: 'The microphone is not allowed. Allow it for Telegram in the system’s settings, close this window and open it again; until then you can type.',
  'telegram-web': 'The microphone is not allowed. Allow it for web.telegram.org in the browser’s settings, reload and tap again; until then you can type.',
  'telegram-windows': 'The microphone is not allowed, and Telegram Desktop remembers a No for good. Open this Mini App on your phone or in web.telegram.org to speak; here you can type.',
  'telegram-linux': 'Telegram Desktop on Linux gives Mini Apps no microphone. Open this Mini App on your phone or in web.telegram.org to speak; here you can type.',
}
