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
  /** The microphone's promise, unless it was broken; and `lost` or `told` while one is looked for. */
  #stream
  #missing = ''
  /** The state as the Worker knows it, and whether a voice is not heard yet that is to be heard. */
  #reached
  #isDeaf = false
  #parting
  #leaving = new AbortController()
  #level = { microphone: 0, model: 0, due: 0 }

  /**
   * Begins to download what a call needs. `url` is the proxy's socket, relative to the page or absolute; it and
   * `ticket` may be promises, or functions that are asked at each call, and for a further ticket where one came to
   * nothing. `audio` changes the constraints of the microphone, `sampleRate` the context's rate.
   */
  constructor(options) {
    super()
    this.#options = { greeting: true, ...options }
    this.#microphone = new Microphone(options.audio, {
      lost: () => this.#lose(),
      paused: () => this.#isOn(this.#number) && this.#complain(new Trouble('microphone_paused')),
      // A device that comes back may have another rate, which not every engine tells its graph.
      back: () => this.#isOn(this.#number) && this.#listen(this.#number),
    })
    this.#line = new Line({
      event: (number, event) => this.#take(number, event),
      lost: (trouble) => this.#isOn(this.#number) && this.#end(trouble),
    })
    addEventListener('pagehide', () => this.#leave(), { signal: this.#leaving.signal })
    document.addEventListener('visibilitychange', () => document.hidden ? this.release() : this.#rouse(), { signal: this.#leaving.signal })
    for (const type of ['online', 'offline']) addEventListener(type, this.#rouse, { signal: this.#leaving.signal })
    for (const type of ['activated', 'deactivated']) window.Telegram?.WebApp?.onEvent?.(type, this.#rouse)
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
    if (muted) this.#hear()
  }

  /**
   * Calls. Synchronous, for the handler of a tap: all that a browser allows only within a tap is done when this
   * returns, and none of it waits for a download.
   */
  start() {
    if (this.#state !== 'idle') return
    const trouble = lack()
    if (trouble) return this.#end(trouble)
    clearTimeout(this.#parting)
    try {
      claim('play-and-record')
      if (!this.#sound?.isUsable) this.#renew()
      this.#sound.wake()
    } catch (error) {
      return this.#end(new Trouble('audio_stuck', error))
    }
    this.#microphone.muted = this.#muted
    this.#stream = this.#microphone.open()
    this.#missing = ''
    this.#isDeaf = !this.#muted
    this.#reached = undefined
    this.#number += 1
    this.#line.open()
    this.#enter('connecting')
    this.#watch = this.#guard()
    this.#introduced = this.#introduce(this.#number)
    this.#furnish(this.#number)
  }

  /** Hangs up. */
  stop() {
    if (this.#state === 'idle') return
    this.#line.post({ type: 'stop', number: this.#number })
    this.#end()
  }

  /** Push-to-talk: the button is down. The model falls silent, and what is said until {@link release} is one turn. */
  press() {
    this.#send({ type: 'press', pressed: true })
  }

  /** The button is up; so it is when the page is hidden or the microphone muted. */
  release() {
    this.#send({ type: 'press', pressed: false })
  }

  /** Silences the model, in any mode. */
  interrupt() {
    this.#send({ type: 'interrupt' })
  }

  /** Says something in writing; false if no call is on. */
  say(text) {
    if (this.#state === 'idle') return false
    this.#send({ type: 'say', text })
    return true
  }

  /** The person allows a function that waits for them, or does not: with the `confirmation` that came with its arguments. */
  confirmTool(id, confirmation, approved) {
    this.#word({ type: 'tool_confirm', id, confirmation, approved })
  }

  /** What came of a function that the page runs: an object; `will_continue` says that more of it follows. */
  answerTool(id, result, will_continue = false) {
    this.#word({ type: 'tool_result', id, result, will_continue })
  }

  #word(word) {
    this.#send({ type: 'word', json: JSON.stringify(word) })
  }

  /** Hangs up and lets go of the microphone, the loudspeaker and the Worker. */
  close() {
    this.#leave()
    for (const type of ['activated', 'deactivated']) window.Telegram?.WebApp?.offEvent?.(type, this.#rouse)
    this.#leaving.abort()
    this.#sound?.close()
    this.#sound = undefined
    this.#line.close()
  }

  /** The network or the page comes or goes: what waits for a connection need not wait, and what has one makes sure. */
  #rouse = () => this.#send({ type: 'wake' })

  /** Hangs up and lets go of the microphone. */
  #leave() {
    this.stop()
    clearTimeout(this.#parting)
    this.#microphone.close()
    claim('auto')
  }

  #renew() {
    this.#sound?.close()
    this.#sound = new Sound({
      sampleRate: this.#options.sampleRate,
      on: {
        level: (who, rms) => this.#measure(who, rms),
        fault: (trouble) => this.#isOn(this.#number) && this.#breakDown(trouble),
        state: () => this.#isOn(this.#number) && this.#watch.look(),
        broken: () => this.#isOn(this.#number) && this.#watch.move(),
      },
    })
  }

  #guard() {
    return new Watch(this.#sound, {
      move: () => this.#move(),
      dead: () => this.#breakDown(new Trouble('worklet_fault', 'a processor never said that it lives')),
      trouble: (trouble) => this.#complain(trouble),
      stir: () => this.#missing && this.#relisten(),
    })
  }

  /** Tells the Worker whom to call, as soon as that is known. */
  async #introduce(number) {
    const { client, greeting, continues, functions, mode = 'open', bargeIn, bargeInPatienceMs } = this.#options
    try {
      const [url, ticket] = await Promise.all([this.#url(), this.#ticket()])
      if (!this.#isOn(number)) return
      this.#line.post({ type: 'start', number, url, ticket, getsTickets: typeof this.#options.ticket === 'function', client, greeting, continues, functions: functions && JSON.stringify(functions), mode, bargeIn, bargeInPatienceMs, muted: this.#muted })
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
      throw error instanceof Trouble ? error : new Trouble('bad_url', error)
    }
  }

  async #ticket() {
    try {
      return await asked(this.#options.ticket) ?? undefined
    } catch (error) {
      throw error instanceof Trouble ? error : new Trouble('no_ticket', error)
    }
  }

  /** Gets the Worker a further ticket; one that the network holds back is asked for again, in time. */
  async #readmit(number) {
    let ticket
    try {
      ticket = await this.#ticket()
    } catch (error) {
      if (!(error.cause instanceof TypeError)) return this.#isOn(number) && this.#end(error)
    }
    this.#line.post({ type: 'admit', number, ticket })
  }

  /** Puts the player and, as soon as there is a microphone, the recorder in place. */
  async #furnish(number, fail = (trouble) => this.#end(trouble)) {
    const sound = this.#sound
    try {
      await sound.load()
      if (!this.#isOn(number) || sound !== this.#sound) return
      this.#join({ type: 'play', port: sound.play() })
      await this.#listen(number)
    } catch (error) {
      if (!this.#isOn(number) || sound !== this.#sound) return
      fail(error instanceof Trouble ? error : new Trouble('internal', error))
    }
  }

  /** Gives the Worker a port of the audio thread, which until then keeps what is said. */
  #join(message) {
    this.#send(message, (what) => this.#line.give(what))
  }

  /** Waits for the microphone and records it; without one the call goes on in writing. */
  async #listen(number) {
    const [sound, stream] = [this.#sound, this.#stream]
    if (!stream) return
    const isWanted = () => this.#isOn(number) && sound === this.#sound
    const patience = setTimeout(() => isWanted() && this.#complain(new Trouble('microphone_waiting')), PATIENCE_MS)
    try {
      const [voice] = await Promise.all([stream, sound.load()])
      if (!isWanted()) return
      const port = sound.listen(voice)
      if (port) this.#join({ type: 'listen', port })
      this.#missing = ''
      setTimeout(() => this.#isOn(number) && this.#hear(), DEAF_MS)
    } catch (error) {
      if (isWanted()) this.#miss(error)
    } finally {
      clearTimeout(patience)
    }
  }

  /** The device went away. */
  #lose() {
    if (!this.#isOn(this.#number)) return
    this.#missing = 'lost'
    this.#stream = undefined
    this.#relisten()
  }

  /** Perhaps there is a microphone again. Nobody is asked while the page is out of sight. */
  #relisten() {
    if (document.hidden || this.#microphone.isOpen) return
    this.#stream = this.#microphone.open()
    this.#listen(this.#number)
  }

  /** No microphone came: says so once, and looks for another if it was for want of a device. */
  #miss(error) {
    const trouble = microphoneTrouble(error, this.#host())
    const was = this.#missing
    const isForWant = trouble.code === 'microphone_missing' || trouble.code === 'microphone_busy'
    this.#stream = undefined
    this.#missing = isForWant ? 'told' : ''
    if (was !== 'told' || !isForWant) this.#complain(was && isForWant ? new Trouble('microphone_lost', error) : trouble)
  }

  /** The sound is stuck or its device has another rate: builds it anew and keeps the call, also where that fails. */
  #move() {
    const fail = (trouble) => this.#complain(trouble)
    try {
      this.#renew()
    } catch (error) {
      return fail(new Trouble('audio_stuck', error))
    }
    this.#sound.wake()
    this.#watch.turnTo(this.#sound)
    this.#furnish(this.#number, fail)
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
      case 'pulse': this.#feel(event.beat); break
      case 'ticket': this.#readmit(number); break
      case 'state': if (event.state !== 'idle') this.#reach(event.state); break
      case 'ended': this.#end(undefined, event.reason); break
      default: this.#tell(event)
    }
  }

  /** The Worker says how the sound goes. */
  #feel(beat) {
    this.#microphone.look()
    this.#watch.beat(beat)
  }

  #isOn(number) {
    return this.#state !== 'idle' && number === this.#number
  }

  /** Whoever reads that the call listens, speaks: so it only says that once the microphone is heard. */
  #reach(state) {
    this.#reached = state
    this.#enter(this.#isDeaf && state === 'listening' ? 'connecting' : state)
  }

  /** The microphone is heard, or need not be waited for. */
  #hear() {
    this.#isDeaf = false
    if (this.#reached && this.#state !== 'idle') this.#enter(this.#reached)
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
    clearTimeout(this.#parting)
    this.#parting = setTimeout(() => this.#leave(), LINGER_MS)
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
    this.#sound.close()
    this.#sound = undefined
    this.#end(trouble)
  }

  #complain(trouble) {
    if (trouble.cause) console.warn(`viva-voce: ${trouble.code}:`, trouble.cause)
    this.#tell({ type: 'error', code: trouble.code, message: trouble.message })
    if (/^microphone/.test(trouble.code)) this.#hear()
  }

  #measure(who, rms) {
    if (who === 'microphone' && this.#isDeaf) this.#hear()
    this.#level[who] = who === 'microphone' && this.#muted ? 0 : rms
    if (this.#state === 'idle' || performance.now() < this.#level.due) return
    this.#level.due = performance.now() + LEVEL_MS
    this.#tell({ type: 'level', microphone: this.#level.microphone, model: this.#level.model })
  }

  #tell(event) {
    this.dispatchEvent(new CustomEvent(event.type, { detail: event }))
  }
}

/** Says on iOS what the sound is for: that of a conversation is heard in spite of the silent switch. */
function claim(type) {
  if (navigator.audioSession) navigator.audioSession.type = type
}

/** The absolute address of a socket; http becomes ws. */
function socketAddress(text) {
  if (!text) throw new Error('expected a url, found none')
  const url = new URL(text, document.baseURI)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  if (!/^wss?:$/.test(url.protocol)) throw new Error(`expected a ws, wss, http or https url, found ${text}`)
  if (url.protocol === 'ws:' && location.protocol === 'https:' && !LOOPBACK.test(url.hostname)) throw new Trouble('bad_url', url.href, INSECURE)
  return url.href
}

/** A value, a promise of one, or a function that gives either. */
function asked(value) {
  return typeof value === 'function' ? value() : value
}

const INSECURE = 'This page may only call over a secure line: its address of the proxy must begin with wss://. Tell whoever runs the page.'

/** This machine: browsers let a secure page speak to it in the clear. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

/** How long the microphone outlives a call, so that the next one need not ask again: some apps ask every time. */
const LINGER_MS = 30_000

/** Some embedders never answer `getUserMedia`. */
const PATIENCE_MS = 20_000

/** A recorder begins to hear within three seconds on a slow machine; one that never does holds up the call no longer. */
const DEAF_MS = 6_000

/** Twenty levels a second are enough for any eye. */
const LEVEL_MS = 48
