import { Trouble } from './trouble.js'

/** Watches over the sound of one call: browsers suspend it, freeze it, and move it to devices of another rate. */
export class Watch {
  #sound
  #on
  #timer
  #wall
  #time
  #stalls = 0
  #silences = 0
  #moves = 0
  #said = new Set()
  #listening = new AbortController()

  /**
   * `on` has `move()`, asked for when the sound must be built anew, `dead()`, `trouble(trouble)`, and `stir()`: the
   * person or their devices moved, and what was missing may be there.
   */
  constructor(sound, on) {
    this.#on = on
    this.turnTo(sound)
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS)
    const { signal } = this.#listening
    document.addEventListener('visibilitychange', () => this.#seen(), { signal })
    for (const type of ['pointerup', 'keydown']) document.addEventListener(type, () => this.#touched(), { signal, capture: true })
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#reconsider(), { signal })
  }

  /** Watches another sound from here on. */
  turnTo(sound) {
    this.#sound = sound
    this.#stalls = this.#silences = 0
    this.#note()
  }

  /** Looks now: the state has changed. */
  look() {
    if (!document.hidden) this.#sound.wake()
    this.#note()
  }

  #seen() {
    this.look()
    if (!document.hidden) this.#on.stir()
  }

  /** A tap or a key brings back what was suspended; what stays interrupted or is closed needs a successor. */
  #touched() {
    if (this.#sound.isUsable) this.#sound.wake()
    else if (this.#silences > 0) this.#on.move()
    this.#on.stir()
  }

  /** Watches no more. */
  end() {
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    this.#listening.abort()
  }

  #note() {
    this.#wall = performance.now() / 1000
    this.#time = this.#sound.time
  }

  #tick() {
    const [wall, time] = [this.#wall, this.#time]
    this.#note()
    const passed = this.#wall - wall
    // In the background timers are slowed down, and their figures mean nothing.
    if (document.hidden || passed > 3 * PERIOD_MS / 1000) return
    if (this.#sound.state !== 'running') return this.#urge()
    this.#silences = 0
    this.#said.delete('audio_suspended')
    this.#sound.tellLatency()
    if (this.#sound.isDead) return this.#on.dead()
    this.#stalls = this.#time - time < passed * SLOWEST ? this.#stalls + 1 : 0
    if (this.#stalls < STALLS) return
    this.#stalls = 0
    this.#moves += 1
    if (this.#moves > MOVES) this.#complain('audio_stuck')
    else this.#on.move()
  }

  #urge() {
    this.#sound.wake()
    this.#silences += 1
    if (this.#silences === STALLS) this.#complain('audio_suspended')
  }

  #settling

  /** Devices come in flocks: looks at them once they have settled. */
  #reconsider() {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(async () => {
      this.#on.stir()
      const sound = this.#sound
      const hasMoved = await sound.hasMoved().catch(() => false)
      if (hasMoved && sound === this.#sound && !this.#listening.signal.aborted) this.#on.move()
    }, SETTLE_MS)
  }

  #complain(code) {
    if (this.#said.has(code)) return
    this.#said.add(code)
    this.#on.trouble(new Trouble(code))
  }
}

const PERIOD_MS = 1000
const SETTLE_MS = 500

/** A clock this slow, against the wall's, stands still; pretend devices were measured at 0.68. */
const SLOWEST = 0.25

/** Periods until it counts: starting a device takes a second or two. */
const STALLS = 3

/** Times that building it anew is tried in one call. */
const MOVES = 3
