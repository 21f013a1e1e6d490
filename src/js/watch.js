import { Trouble } from './trouble.js'

/**
 * Watches over the sound of one call: browsers suspend it, freeze it, and move it to devices of another rate. It has
 * no clock of its own, for those of a page are slowed down and held up: the Worker says how the sound's goes.
 */
export class Watch {
  #sound
  #on
  /** Beats that the sound is given to come up. */
  #grace
  #silences
  #moves = 0
  #calm
  #said = new Set()
  #listening = new AbortController()

  /**
   * `on` has `move()`, asked for when the sound must be built anew, `dead()`, `trouble(trouble)`, and `stir()`: the
   * person or their devices moved, and what was missing may be there.
   */
  constructor(sound, on) {
    this.#on = on
    this.turnTo(sound)
    const { signal } = this.#listening
    document.addEventListener('visibilitychange', () => this.#seen(), { signal })
    for (const type of ['pointerup', 'keydown']) document.addEventListener(type, () => this.#touched(), { signal, capture: true })
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#reconsider(), { signal })
  }

  /** Watches another sound from here on. */
  turnTo(sound) {
    this.#sound = sound
    this.#silences = this.#calm = 0
    this.#grace = LOADING
  }

  /** Looks now: the state has changed. */
  look() {
    if (!document.hidden) this.#sound.wake()
    this.#grace = Math.max(this.#grace, STARTING)
  }

  /** Twice a second: the sound is `steady`, `still`, or `astray` from the rate that its device is said to have. */
  beat(beat) {
    if (document.hidden) return
    this.#grace -= 1
    if (this.#sound.state !== 'running') return this.#urge()
    this.#silences = 0
    this.#said.delete('audio_suspended')
    this.#sound.tellLatency()
    if (this.#sound.isDead) return this.#on.dead()
    this.#calm = beat === 'steady' ? this.#calm + 1 : 0
    if (this.#calm === CALM) this.#moves = 0
    if (beat === 'astray' || (beat === 'still' && this.#grace < 0)) this.move()
  }

  /** Has the sound built anew, unless that did not help before. */
  move() {
    this.#moves += 1
    if (this.#moves > MOVES) this.#complain('audio_stuck')
    else this.#on.move()
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
    clearTimeout(this.#settling)
    this.#listening.abort()
  }

  #urge() {
    this.#sound.wake()
    this.#silences += 1
    if (this.#silences === PATIENCE) this.#complain('audio_suspended')
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

const SETTLE_MS = 500

/** Beats until a new sound must be there: it loads its module again. */
const LOADING = 10

/** Beats until one that was woken must move: two seconds. */
const STARTING = 4

/** Beats until one that will not wake is told: three seconds. */
const PATIENCE = 6

/** Times that building it anew is tried in a row. */
const MOVES = 3

/** Steady beats that end the row: ten seconds. */
const CALM = 20
