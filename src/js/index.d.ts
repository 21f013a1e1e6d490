/**
 * Where a call stands. `listening` is said once the microphone is heard, or there is none to wait for.
 *
 * `reconnecting`: the connection dropped and another is sought, for as long as the person waits. The call goes on
 * meanwhile: what the model has sent plays on, and what the person says and types is kept, of sound the last half minute.
 * `ready` follows, then `listening` or `speaking`. Its `call` is the same if the proxy still had the call; else
 * another one begins, whose model knows nothing of what was said.
 */
export type State = 'idle' | 'connecting' | 'listening' | 'speaking' | 'reconnecting'

/** How the two sides of a call share the line. */
export type Mode = 'open' | 'push_to_talk' | 'half_duplex'

/** Who speaks. */
export type Who = 'user' | 'model'

/** A value, a promise of one, or a function that is asked for it at each call. */
export type Asked<T> = T | Promise<T> | (() => T | Promise<T>)

/** A function that the page runs for the model: each call comes as a `tool` event with `arguments`. */
export interface PageFunction {
  name: string
  description?: string
  /** A JSON Schema of type `object`. */
  parameters?: Record<string, unknown>
  /** Whether the model waits for it. Default: as the model does by itself. */
  behavior?: 'BLOCKING' | 'NON_BLOCKING'
}

export interface VivaVoceOptions {
  /** The proxy's socket: `ws:`, `wss:`, `http:` or `https:`, absolute or relative to the page. */
  url: Asked<string | URL>
  /**
   * The session ticket, where the proxy demands one. It opens one call: a function is asked for another where the one before
   * was refused, or came to nothing because the connection was lost. Where it throws a `TypeError` in the middle of a call, as
   * `fetch` does without a network, it is asked again later; anything else ends the call.
   */
  ticket?: Asked<string | undefined>
  /** Changes the constraints of the microphone; echo cancellation, noise suppression and gain control are on. */
  audio?: MediaTrackConstraints
  /** Whether the model may speak first, if the proxy is set up so. Default: true. */
  greeting?: boolean
  /** Whether the call goes on with the person's last conversation, if that ended less than two hours ago. Default: false. */
  continues?: boolean
  /**
   * What the model's voice does when the person speaks over it, until the service confirms that they do: it goes on
   * softer (`duck`, the default), waits where it is (`hold`), or goes on as it was (`off`).
   */
  bargeIn?: 'duck' | 'hold' | 'off'
  /** For how long it does so without a word from the service. Default: 800. */
  bargeInPatienceMs?: number
  /**
   * `push_to_talk`: what is said between `press` and `release` is heard. `half_duplex`: nothing is while the model
   * sounds, for devices without an echo canceller. Default, and for any other word: `open`.
   */
  mode?: Mode
  /** Functions that the page runs for the model, of those that the proxy allows. */
  functions?: PageFunction[]
  /** Name and version of this client, for the proxy's log. */
  client?: string
  /** Rate of the AudioContext in Hz; by default the device's own, which is best. */
  sampleRate?: number
  /** Telegram's `platform`, where the page knows it: makes the advice after a refused microphone fit. */
  platform?: string
}

/** The `detail` of each event. */
export interface VivaVoceEvents {
  /** The call entered a state. */
  state: { type: 'state', state: State }
  /** Somebody answers: at the beginning, and again after each `reconnecting`. */
  ready: { type: 'ready', call: string, upstream: 'gemini' | 'simulator', model: string }
  /** Words, to be appended to the caption of `who` and `epoch`: the user's as they come, the model's as they are heard. */
  caption: { type: 'caption', who: Who, epoch: number, text: string }
  /** A caption is finished, the model's when all of it was heard; `cut` if it broke off, as when the user spoke over it. */
  caption_end: { type: 'caption_end', who: Who, epoch: number, cut: boolean }
  /** A function call came into a state. */
  tool: {
    type: 'tool'
    id: string
    name: string
    /** `confirm`: show the person name and arguments and call `confirmTool`, as the element does by itself. `running` with arguments: run it, `answerTool`. */
    state: 'called' | 'confirm' | 'running' | 'done' | 'failed' | 'cancelled'
    arguments?: Record<string, unknown>
    /** What `confirmTool` wants. */
    confirmation?: string
    /** What people are to read while it runs. */
    says?: string
  }
  /** The microphone is off or on. */
  muted: { type: 'muted', muted: boolean }
  /**
   * Something went wrong; `message` says to people what to do, so show it. Where it ends the call, `ended` follows. Two
   * that do not:
   *
   * `words_lost`: the connection was away for so long that some of what the person said was dropped. Comes when the call
   * goes on, at most once for each time away. They have to say it again.
   *
   * `slow_network`: the network takes less than the person says, so their pauses are left out and answers come late. Comes
   * once a call at most. A better connection helps; nothing else need be done.
   */
  error: { type: 'error', code: string, message: string }
  /** The call is over; `reason` is for people, and empty after hanging up. */
  ended: { type: 'ended', reason: string }
  /** How loud both voices are: root mean squares from 0 to 1, at most some twenty a second. */
  level: { type: 'level', microphone: number, model: number }
}

/** A spoken conversation. */
export class VivaVoce extends EventTarget {
  /** Begins to download what a call needs, so that a tap need not wait for it. */
  constructor(options: VivaVoceOptions)
  /** Where the call stands. */
  readonly state: State
  /** Whether the microphone is off; may be set before a call as well. */
  muted: boolean
  /** Calls. Call it in the handler of a tap or a key, before any `await`. */
  start(): void
  /** Hangs up; `ended` follows at once. The microphone is let go half a minute later, unless another call begins. */
  stop(): void
  /** Push-to-talk: the button is down. The model falls silent, and what is said until `release` is one turn. */
  press(): void
  /** The button is up. Said by itself when the page is hidden; muting and hanging up do as much. */
  release(): void
  /** Silences the model by hand, in any mode; in half duplex a voice cannot. */
  interrupt(): void
  /** Says something in writing; false if no call is on. */
  say(text: string): boolean
  /** The person allows a function that waits for them, or does not. */
  confirmTool(id: string, confirmation: string, approved: boolean): void
  /** What came of a function that the page runs; `will_continue` says that more of it follows. */
  answerTool(id: string, result: Record<string, unknown>, will_continue?: boolean): void
  /** Hangs up and lets go of the microphone, the loudspeaker and the Worker. */
  close(): void
  addEventListener<K extends keyof VivaVoceEvents>(
    type: K,
    listener: (event: CustomEvent<VivaVoceEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void
}

/** The events of the element: those of its call, those of any element, and `wanted`. */
export type VivaVoceElementEventMap = Omit<HTMLElementEventMap, keyof VivaVoceEvents> & {
  [K in keyof VivaVoceEvents]: CustomEvent<VivaVoceEvents[K]>
} & {
  /** A call waits for a `url`: set it, or say with `complain` why there is none. */
  wanted: CustomEvent<null>
}

/** `<viva-voce url="…">`: a spoken conversation as one screen. */
export class VivaVoceElement extends HTMLElement {
  /** Makes the element known to the page. */
  static define(name?: string): void
  /** Further options of the call; set them before the element is connected. */
  options: Partial<VivaVoceOptions>
  /** The proxy's socket; null takes it away. */
  url: string | null
  /** The call beneath, while the element is part of a page. */
  readonly call: VivaVoce | undefined
  /** Whether a call is on, or on its way. */
  readonly isLive: boolean
  /** Calls, unless a call is on or the element is no part of a page; see {@link VivaVoce.start}. */
  start(): void
  /** Hangs up. */
  stop(): void
  /** Shows what went wrong; an empty code clears it. */
  complain(code: string, message?: string): void
  addEventListener<K extends keyof VivaVoceElementEventMap>(
    type: K,
    listener: (this: VivaVoceElement, event: VivaVoceElementEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<K extends keyof VivaVoceElementEventMap>(
    type: K,
    listener: (this: VivaVoceElement, event: VivaVoceElementEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void
}

declare global {
  interface HTMLElementTagNameMap {
    'viva-voce': VivaVoceElement
  }
}
