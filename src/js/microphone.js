/** The one microphone of a page's life: asked for once, kept over mute and from call to call. */
export class Microphone {
  #constraints
  #opening
  #track
  #muted = false
  #pause
  #on

  /**
   * `constraints` change the defaults; `on` has `lost()`: the device is gone, `paused()`: the system mutes it, and
   * `back()`: it does so no more.
   */
  constructor(constraints, on) {
    const wishes = this.#constraints = { ...VOICE, ...constraints }
    // The voice that must not come back is the page's own, which this wish would leave in.
    if (/remote-only/.test(JSON.stringify(wishes.echoCancellation))) wishes.echoCancellation = true
    this.#on = on
  }

  /** The stream; asks for it where none is there. Must be called within a tap the first time. */
  open() {
    this.#opening ??= this.#ask()
    return this.#opening
  }

  /** Whether it is there, or asked for. */
  get isOpen() {
    return Boolean(this.#opening)
  }

  /** Ends the recording; the next {@link open} asks again. */
  close() {
    clearTimeout(this.#pause)
    this.#track?.stop()
    this.#track = this.#opening = undefined
  }

  /** Silences the microphone and leaves it open: some apps ask the person at every opening. */
  set muted(muted) {
    this.#muted = muted
    if (this.#track) this.#track.enabled = !muted
  }

  // Not async: the browser must be asked before this returns, while the tap lasts.
  #ask() {
    const asked = ask({ ...this.#constraints })
    const opening = asked.then((stream) => this.#keep(stream, opening), (error) => {
      if (this.#opening === opening) this.#opening = undefined
      throw error
    })
    opening.catch(() => {})
    return opening
  }

  #keep(stream, opening) {
    const [track] = stream.getAudioTracks()
    if (this.#opening !== opening) {
      track.stop()
      throw new DOMException('closed meanwhile', 'AbortError')
    }
    this.#track = track
    track.enabled = !this.#muted
    track.onended = () => this.#lose()
    track.onmute = () => this.#paused(track)
    track.onunmute = () => this.#on.back()
    if (track.muted) this.#paused(track)
    return stream
  }

  /** Looks whether it is still there: a track that the page itself stops ends without a word. */
  look() {
    if (this.#track?.readyState === 'ended') this.#lose()
  }

  #lose() {
    this.close()
    this.#on.lost()
  }

  /** Systems mute for a moment when devices change: only what lasts is told. */
  #paused(track) {
    clearTimeout(this.#pause)
    this.#pause = setTimeout(() => track === this.#track && track.muted && !this.#muted && this.#on.paused(), PAUSE_MS)
  }
}

/** Calls `getUserMedia` at once; what it throws comes as a rejection. Wishes that cannot be had are let go. */
function ask(audio) {
  try {
    return navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
      if (error.name !== 'OverconstrainedError') throw error
      return navigator.mediaDevices.getUserMedia({ audio: true })
    })
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Longer than a change of devices takes. */
const PAUSE_MS = 1500

/** What a voice wants. Only ideals: an exact constraint can fail. */
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: { ideal: 1 } }
