import { Trouble } from './trouble.js'

/** The sound of a page: one AudioContext, and during a call a recorder and a player in it. */
export class Sound {
  #context
  #fixedRate
  #loaded
  #module
  #recorder
  #source
  #player
  #stopping
  /** Suspended between calls, which its state may not say yet. */
  #isAsleep = false
  #on

  /** Begins to download what the audio thread needs, so that a tap need not wait for it. */
  static prefetch() {
    Sound.#bytes().catch(() => {})
    fetch(COURIER).catch(() => {})
  }

  static #fetched

  static #bytes() {
    Sound.#fetched ??= fetch(MODULE).then((answer) => {
      if (!answer.ok) throw new Error(`${MODULE.href}: ${answer.status}`)
      return answer.arrayBuffer()
    })
    Sound.#fetched.catch(() => { Sound.#fetched = undefined })
    return Sound.#fetched
  }

  /**
   * Makes the context, within a tap. `on` has `level(who, rms)`, `fault(trouble)`, `state(state)` and
   * `broken()`, the device is lost;
   * `sampleRate` replaces the device's own rate.
   */
  constructor({ sampleRate, on }) {
    this.#on = on
    this.#fixedRate = sampleRate
    this.#context = new AudioContext({ latencyHint: 'interactive', ...(sampleRate && { sampleRate }) })
    this.#context.onstatechange = () => on.state(this.state)
    this.#context.onerror = () => on.broken()
  }

  /** `running`, `suspended`, `interrupted` or `closed`. */
  get state() {
    return this.#context.state
  }

  /** The clock of the sound, in seconds; it stands still when nothing sounds. */
  get time() {
    return this.#context.currentTime
  }

  /** Whether it runs, or would if it were woken. */
  get isUsable() {
    return this.state === 'running' || this.state === 'suspended'
  }

  /** Lets it sound. Not during an interruption: a resume then freezes Safari's clock for good. */
  wake() {
    if (this.#stopping) this.#rest()
    if (this.state !== 'suspended' && !(this.#isAsleep && this.isUsable)) return
    this.#isAsleep = false
    this.#context.resume().catch(() => {})
  }

  /** Readies the audio thread; rejects with a {@link Trouble}. */
  load() {
    this.#loaded ??= this.#load().catch((error) => {
      this.#loaded = undefined
      throw new Trouble('download_failed', error)
    })
    return this.#loaded
  }

  async #load() {
    const [module] = await Promise.all([Sound.#bytes(), this.#context.audioWorklet.addModule(COURIER)])
    this.#module = module
  }

  /** Starts a player and returns the port to speak to it. */
  play() {
    this.#player = this.#node('vivavoce-player', 'model', { numberOfInputs: 0, outputChannelCount: [2] })
    return link(this.#player)
  }

  /**
   * Tells the player how much later its samples are heard than they are made; headphones change it. Firefox is not
   * asked: with PulseAudio its main thread holds the graph's lock while it asks the sound server, whose thread may wait
   * for the graph, and then the page stands still for good (seen in 153).
   */
  tellLatency() {
    const { baseLatency = 0, outputLatency = 0 } = isGecko() ? { outputLatency: GECKO_LATENCY_S } : this.#context
    this.#player?.port.postMessage({ type: 'latency', seconds: baseLatency + outputLatency })
  }

  /**
   * Records a microphone, in place of the one before. Returns the port on which the recorder is heard where this
   * starts one. Throws what the browser throws.
   */
  listen(stream) {
    const source = this.#context.createMediaStreamSource(stream)
    const isFirst = !this.#recorder
    this.#recorder ??= this.#node('vivavoce-recorder', 'microphone', { numberOfInputs: 1, outputChannelCount: [1] })
    this.#source?.disconnect()
    this.#source = source
    source.connect(this.#recorder)
    return isFirst ? link(this.#recorder) : undefined
  }

  #node(name, who, options) {
    const node = new AudioWorkletNode(this.#context, name, { ...options, processorOptions: { module: this.#module } })
    node.awaitedSince = this.time
    node.port.onmessage = ({ data }) => this.#hear(node, who, data)
    node.onprocessorerror = () => this.#on.fault(new Trouble('worklet_fault', `${name} threw`))
    node.connect(this.#context.destination)
    return node
  }

  #hear(node, who, data) {
    switch (data.type) {
      case 'ready': node.awaitedSince = Infinity; break
      case 'level': this.#on.level(who, data.rms); break
      case 'fault': this.#on.fault(new Trouble('worklet_fault', data.message)); break
    }
  }

  /** Whether the audio thread had its time and yet a processor has not said that it lives. */
  get isDead() {
    return [this.#player, this.#recorder].some((node) => this.time - node?.awaitedSince > PATIENCE_S)
  }

  /** Whether the device plays at another rate by now: headphones came or went. */
  async hasMoved() {
    if (this.#fixedRate) return false
    const probe = new AudioContext()
    const rate = probe.sampleRate
    await probe.close()
    return rate !== this.#context.sampleRate
  }

  /** Ends the recorder and the player, once the player has had the time to fade out. */
  hush() {
    this.#source?.disconnect()
    this.#source = undefined
    this.#stopping ??= setTimeout(() => {
      this.#rest()
      this.#isAsleep = true
      this.#context.suspend().catch(() => {})
    }, FADE_MS)
  }

  #rest() {
    clearTimeout(this.#stopping)
    this.#stopping = undefined
    for (const node of [this.#recorder, this.#player].filter(Boolean)) {
      node.port.onmessage = node.onprocessorerror = null
      node.port.postMessage({ type: 'stop' })
      node.disconnect()
    }
    this.#recorder = this.#player = undefined
  }

  /** Lets go of the audio device. */
  close() {
    this.#context.onstatechange = this.#context.onerror = null
    this.#source?.disconnect()
    this.#rest()
    this.#context.close().catch(() => {})
  }
}

/** Joins a node to the port that is returned, past the page. */
function link(node) {
  const { port1, port2 } = new MessageChannel()
  node.port.postMessage({ type: 'link', port: port1 }, [port1])
  return port2
}

/** Only Firefox dates its engine; the others say "like Gecko". */
function isGecko() {
  return /Gecko\//.test(navigator.userAgent)
}

/** The middle of what Firefox says of itself where it answers, 32 to 48 ms. */
const GECKO_LATENCY_S = 0.04

const COURIER = new URL('./worklet.js', import.meta.url)
const MODULE = new URL('../../pkg/vivavoce_worklet.wasm', import.meta.url)

/** Longer than the player's fade and the way of its message. */
const FADE_MS = 80

/** Compiling the module takes milliseconds. */
const PATIENCE_S = 3
