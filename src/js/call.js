import { Line } from './line.js'
import { Microphone } from './microphone.js'
import { Sound } from './sound.js'
import { hostOf, lack, microphoneTrouble, Trouble } from './trouble.js'
import { Watch } from './watch.js'

/**
 * A spoken conversation. Dispatches `state`, `ready`, `caption`, `caption_end`, `tool`, `muted`, `error`, `ended`
 * and `level`, each a CustomEvent; index.d.ts tells their details.
 */
export class VivaVoce extends EventTarget {
  #options
  #line
  #sound
  #microphone
  #state = 'idle'
  #muted = false
  #number = 0
  #introduced
  #watch
  #level = { microphone: 0, model: 0, due: 0 }

  /**
   * Begins to download what a call needs. `url` is the proxy's socket, relative to the page or absolute; it and
   * `ticket` may be promises, or functions that are asked at each call. `audio` changes the constraints of the
   * microphone, `sampleRate` the context's rate.
   */
  constructor(options) {
    super()
    this.#options = { greeting: true, ...options }
    this.#microphone = new Microphone(options.audio, () => this.#relisten())
    this.#line = new Line({
      event: (number, event) => this.#take(number, event),
      lost: (trouble) => this.#isOn(this.#number) && this.#end(trouble),
    })
    if (!lack()) {
      Sound.prefetch()
      this.#line.open()
    }
  }

  /** `idle`, `connecting`, `listening`, `speaking` or `reconnecting`. */
  get state() {
    return this.#state
  }

  /** Whether the microphone is off; may be set before a call as well. */
  get muted() {
    return this.#muted
  }

  set muted(muted) {
    if (muted === this.#muted) return
    this.#muted = muted
    if (this.#state !== 'idle') {
      this.#microphone.muted = muted
      this.#send({ type: 'mute', muted })
    }
    this.#tell({ type: 'muted', muted })
  }

  /**
   * Calls. Synchronous, for the handler of a tap: all that a browser allows only within a tap is done when this
   * returns, and none of it waits for a download.
   */
  start() {
    if (this.#state !== 'idle') return
    const trouble = lack()
    if (trouble) return this.#end(trouble)
    try {
      claimLoudspeaker()
      this.#sound ??= this.#open()
      this.#sound.wake()
    } catch (error) {
      return this.#end(new Trouble('audio_stuck', error))
    }
    this.#microphone.muted = this.#muted
    const stream = this.#microphone.open()
    this.#number += 1
    this.#line.open()
    this.#enter('connecting')
    this.#watch = this.#guard()
    this.#introduced = this.#introduce(this.#number)
    this.#furnish(this.#number, stream)
  }

  /** Hangs up. */
  stop() {
    if (this.#state === 'idle') return
    this.#line.post({ type: 'stop', number: this.#number })
    this.#end()
  }

  /** Says something in writing; false if no call is on. */
  say(text) {
    if (this.#state === 'idle') return false
    this.#send({ type: 'say', text })
    return true
  }

  /** Hangs up and lets go of the microphone, the loudspeaker and the Worker. */
  close() {
    this.stop()
    this.#microphone.close()
    this.#sound?.close()
    this.#sound = undefined
    this.#line.close()
  }

  #open() {
    return new Sound({
      sampleRate: this.#options.sampleRate,
      on: {
        level: (who, rms) => this.#measure(who, rms),
        fault: (trouble) => this.#isOn(this.#number) && this.#breakDown(trouble),
        state: () => this.#isOn(this.#number) && this.#watch.look(),
      },
    })
  }

  #guard() {
    return new Watch(this.#sound, {
      move: () => this.#move(),
      dead: () => this.#breakDown(new Trouble('worklet_fault', 'a processor never said that it lives')),
      trouble: (trouble) => this.#complain(trouble),
    })
  }

  /** Tells the Worker whom to call, as soon as that is known. */
  async #introduce(number) {
    const { client, greeting } = this.#options
    try {
      const [url, ticket] = await Promise.all([this.#url(), this.#ticket()])
      if (!this.#isOn(number)) return
      this.#line.post({ type: 'start', number, url, ticket, client, greeting, muted: this.#muted })
    } catch (error) {
      if (this.#isOn(number)) this.#end(error)
    }
  }

  /** Says something to the Worker, once it knows of the call. */
  async #send(message, say = (what) => this.#line.post(what)) {
    const number = this.#number
    await this.#introduced
    if (this.#isOn(number)) say({ ...message, number })
    else message.port?.close()
  }

  async #url() {
    try {
      return socketAddress(await asked(this.#options.url))
    } catch (error) {
      throw new Trouble('bad_url', error)
    }
  }

  async #ticket() {
    try {
      return await asked(this.#options.ticket) ?? undefined
    } catch (error) {
      throw error instanceof Trouble ? error : new Trouble('no_ticket', error)
    }
  }

  /** Puts the player and, as soon as there is a microphone, the recorder in place. */
  async #furnish(number, stream) {
    const sound = this.#sound
    try {
      await sound.load()
      if (!this.#isOn(number) || sound !== this.#sound) return
      this.#join({ type: 'play', port: sound.play() })
      await this.#listen(number, stream)
    } catch (error) {
      if (this.#isOn(number)) this.#end(error instanceof Trouble ? error : new Trouble('internal', error))
    }
  }

  /** Gives the Worker a port of the audio thread, which until then keeps what is said. */
  #join(message) {
    this.#send(message, (what) => this.#line.give(what))
  }

  /** Waits for the microphone and records it; without one the call goes on in writing. */
  async #listen(number, stream) {
    const sound = this.#sound
    const patience = setTimeout(() => this.#isOn(number) && this.#complain(new Trouble('microphone_waiting')), PATIENCE_MS)
    try {
      const [voice] = await Promise.all([stream, sound.load()])
      if (!this.#isOn(number) || sound !== this.#sound) return
      const port = sound.listen(voice)
      if (port) this.#join({ type: 'listen', port })
    } catch (error) {
      if (this.#isOn(number)) this.#complain(microphoneTrouble(error, this.#host()))
    } finally {
      clearTimeout(patience)
    }
  }

  /** The device went away: perhaps there is another. */
  #relisten() {
    const number = this.#number
    if (!this.#isOn(number)) return
    const stream = this.#microphone.open()
    stream.then(() => this.#listen(number, stream), (error) => {
      if (this.#isOn(number)) this.#complain(new Trouble('microphone_lost', error))
    })
  }

  /** The sound is stuck or its device has another rate: builds it anew and keeps the call. */
  #move() {
    const number = this.#number
    this.#sound.close()
    this.#sound = this.#open()
    this.#sound.wake()
    this.#watch.turnTo(this.#sound)
    this.#furnish(number, this.#microphone.open())
  }

  #host() {
    const fragment = new URLSearchParams(location.hash.slice(1))
    const platform = this.#options.platform ?? fragment.get('tgWebAppPlatform') ?? window.Telegram?.WebApp?.platform
    return hostOf(platform, navigator.userAgent)
  }

  /** Takes in what call `number` says. */
  #take(number, event) {
    if (!this.#isOn(number)) return
    switch (event.type) {
      // The page says these itself, at the tap, when it is muted and at the end.
      case 'muted': break
      case 'state': if (event.state !== 'idle') this.#enter(event.state); break
      case 'ended': this.#end(undefined, event.reason); break
      default: this.#tell(event)
    }
  }

  #isOn(number) {
    return this.#state !== 'idle' && number === this.#number
  }

  #enter(state) {
    if (state === this.#state) return
    this.#state = state
    this.#tell({ type: 'state', state })
  }

  #end(trouble, reason = trouble?.message ?? '') {
    this.#watch?.end()
    this.#sound?.hush()
    this.#microphone.muted = true
    if (trouble) {
      this.#complain(trouble)
      if (this.#state !== 'idle') this.#line.post({ type: 'stop', number: this.#number })
    }
    this.#enter('idle')
    this.#tell({ type: 'level', microphone: 0, model: 0 })
    this.#tell({ type: 'ended', reason })
  }

  /** The audio thread failed: its sound is of no more use. */
  #breakDown(trouble) {
    this.#end(trouble)
    this.#sound.close()
    this.#sound = undefined
  }

  #complain(trouble) {
    if (trouble.cause) console.warn(`viva-voce: ${trouble.code}:`, trouble.cause)
    this.#tell({ type: 'error', code: trouble.code, message: trouble.message })
  }

  #measure(who, rms) {
    this.#level[who] = who === 'microphone' && this.#muted ? 0 : rms
    if (this.#state === 'idle' || performance.now() < this.#level.due) return
    this.#level.due = performance.now() + LEVEL_MS
    this.#tell({ type: 'level', microphone: this.#level.microphone, model: this.#level.model })
  }

  #tell(event) {
    this.dispatchEvent(new CustomEvent(event.type, { detail: event }))
  }
}

/** Says on iOS that the loudspeaker is for a conversation: it then sounds in spite of the silent switch. */
function claimLoudspeaker() {
  if (navigator.audioSession) navigator.audioSession.type = 'play-and-record'
}

/** The absolute address of a socket; http becomes ws. */
function socketAddress(text) {
  if (!text) throw new Error('expected a url, found none')
  const url = new URL(text, document.baseURI)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  if (!/^wss?:$/.test(url.protocol)) throw new Error(`expected a ws, wss, http or https url, found ${text}`)
  return url.href
}

/** A value, a promise of one, or a function that gives either. */
function asked(value) {
  return typeof value === 'function' ? value() : value
}

/** Some embedders never answer `getUserMedia`. */
const PATIENCE_MS = 20_000

/** Twenty levels a second are enough for any eye. */
const LEVEL_MS = 48
