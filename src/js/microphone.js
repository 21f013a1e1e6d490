/** The one microphone of a page's life: asked for once, kept over mute and from call to call. */
export class Microphone {
  #constraints
  #opening
  #track
  #muted = false
  #onLost

  /** `constraints` change the defaults; `onLost` hears that the device is gone. */
  constructor(constraints, onLost) {
    this.#constraints = { ...VOICE, ...constraints }
    this.#onLost = onLost
  }

  /** The stream; asks for it where none is there. Must be called within a tap the first time. */
  open() {
    this.#opening ??= this.#ask()
    return this.#opening
  }

  /** Ends the recording; the next {@link open} asks again. */
  close() {
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
    track.onended = () => {
      this.#track = this.#opening = undefined
      this.#onLost()
    }
    return stream
  }
}

/** Calls `getUserMedia` at once; what it throws comes as a rejection. */
function ask(audio) {
  try {
    return navigator.mediaDevices.getUserMedia({ audio })
  } catch (error) {
    return Promise.reject(error)
  }
}

/** What a voice wants. Only ideals: an exact constraint can fail. */
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: { ideal: 1 } }
