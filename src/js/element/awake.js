/** Keeps the phone's screen on while held: a dark phone takes the microphone away. */
export class Awake {
  #lock
  #isHeld = false

  constructor() {
    document.addEventListener('visibilitychange', () => this.#ask())
  }

  /** Holds the screen on, or lets it go dark again. */
  set held(held) {
    if (held === this.#isHeld) return
    this.#isHeld = held
    if (held) this.#ask()
    else this.#lock?.release().catch(() => {})
  }

  /** The browser takes the lock away whenever the page is hidden, so it is asked for again. */
  async #ask() {
    if (!this.#isHeld || document.visibilityState !== 'visible') return
    try {
      this.#lock = await navigator.wakeLock?.request('screen')
      if (!this.#isHeld) await this.#lock?.release()
    } catch {
      // Refused, or an empty battery: the call goes on without it.
    }
  }
}
