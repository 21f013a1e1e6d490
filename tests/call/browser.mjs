// A pretend browser, as much of it as a call touches: everything is written down and answers when it is told to.

/** Puts the pretend browser in place of the real one and returns what is seen of it. */
export function pretend() {
  const seen = { log: [], contexts: [], workers: [], nodes: [], tracks: [], fetched: [], devices: new Devices(), page: new EventTarget() }
  seen.devices.seen = seen
  Object.assign(globalThis, {
    AudioContext: class extends Context { constructor(options) { super(seen, options) } },
    AudioWorkletNode: class extends Node { constructor(...how) { super(seen, ...how) } },
    Worker: class extends PretendWorker { constructor(url) { super(seen, url) } },
    fetch: async (url) => {
      seen.fetched.push(String(url))
      await seen.downloads
      return { ok: true, arrayBuffer: async () => new ArrayBuffer(8) }
    },
    document: Object.assign(new EventTarget(), { baseURI: 'https://page.example/voice/', hidden: false }),
    location: { hash: '', protocol: 'https:' },
    addEventListener: (...how) => seen.page.addEventListener(...how),
    window: globalThis,
    Telegram: { WebApp: new MiniApp() },
    isSecureContext: true,
  })
  Object.defineProperty(globalThis, 'navigator', {
    configurable: true, value: { mediaDevices: seen.devices, userAgent: 'Pretend', audioSession: { type: 'auto' } },
  })
  return seen
}

/** Lets everything happen that waits for nothing from outside. */
export const settle = () => new Promise((resolve) => setImmediate(resolve))

/** Telegram's side of a page. */
class MiniApp {
  #heard = { activated: new Set(), deactivated: new Set() }

  onEvent(type, hear) {
    this.#heard[type].add(hear)
  }

  offEvent(type, hear) {
    this.#heard[type].delete(hear)
  }

  tell(type) {
    for (const hear of this.#heard[type]) hear()
  }

  /** How many listen. */
  get listeners() {
    return Object.values(this.#heard).reduce((sum, { size }) => sum + size, 0)
  }
}

class Devices extends EventTarget {
  /** What the person says when asked; they take their time if it is a promise. */
  answer = () => undefined

  getUserMedia(wishes) {
    this.seen.log.push('ask')
    this.seen.wishes = wishes
    const answered = this.answer()
    return Promise.resolve(answered).then(() => {
      const track = { enabled: true, readyState: 'live', stop: () => this.seen.log.push('release') }
      this.seen.tracks.push(track)
      return { getAudioTracks: () => [track] }
    })
  }
}

class Context {
  state = 'suspended'
  currentTime = 0
  destination = {}
  baseLatency = 0.01
  outputLatency = 0.02

  constructor(seen, options) {
    this.seen = seen
    this.options = options
    this.sampleRate = options?.sampleRate ?? seen.rate ?? 48000
    this.audioWorklet = { addModule: async () => seen.downloads }
    seen.contexts.push(this)
    seen.log.push('context')
  }

  async resume() {
    this.seen.log.push('resume')
    if (this.state === 'closed') throw new Error('it is closed')
    if (!this.seen.isHeldBack) this.#enter('running')
  }

  async suspend() {
    this.#enter('suspended')
  }

  async close() {
    this.#enter('closed')
  }

  createMediaStreamSource(stream) {
    return { stream, connect: (node) => { node.source = stream }, disconnect() {} }
  }

  #enter(state) {
    if (state === this.state) return
    this.state = state
    queueMicrotask(() => this.onstatechange?.())
  }
}

class Node {
  said = []

  constructor(seen, context, name, options) {
    Object.assign(this, { context, name, options, isConnected: false })
    this.port = { postMessage: (message) => this.said.push(message) }
    seen.nodes.push(this)
    if (!seen.isMute) queueMicrotask(() => this.port.onmessage?.({ data: { type: 'ready' } }))
  }

  /** What it says of how loud it is. */
  hear(rms = 0) {
    this.port.onmessage?.({ data: { type: 'level', rms } })
  }

  connect() {
    this.isConnected = true
  }

  disconnect() {
    this.isConnected = false
  }
}

class PretendWorker {
  said = []
  isThere = true

  constructor(seen, url) {
    this.url = String(url)
    seen.workers.push(this)
  }

  postMessage(message) {
    if (this.isThere) this.said.push(message)
  }

  terminate() {
    this.isThere = false
  }

  /** What the call in it says. */
  tell(event, number = this.said.findLast(({ type }) => type === 'start').number) {
    this.onmessage({ data: { type: 'event', number, event } })
  }

  /** The types of what it was told. */
  get told() {
    return this.said.map(({ type }) => type)
  }
}
