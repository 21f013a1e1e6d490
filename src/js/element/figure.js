/**
 * The living form: the person's voice is a string of fine lines that vibrates, the model's a body of colour
 * that breathes. Both are seen at once when both speak.
 */
export class Figure {
  #canvas
  #pen
  #frame = 0
  #count = 0
  #time = 0
  #before = 0
  #goal = { microphone: 0, model: 0 }
  #level = { microphone: 0, model: 0 }
  #wait = 0
  #ink = '#000'
  #accent = '#000'
  #state = 'idle'
  #calm = matchMedia('(prefers-reduced-motion: reduce)')

  /** Draws on `canvas`, in the colours of its custom properties `--ink` and `--accent`. */
  constructor(canvas) {
    this.#canvas = canvas
    this.#pen = canvas.getContext('2d')
  }

  /** Begins to draw, until `stop`. */
  start() {
    this.stop()
    this.#count = 0
    this.#frame = requestAnimationFrame((now) => this.#tick(now))
  }

  stop() {
    cancelAnimationFrame(this.#frame)
  }

  /** How loud both are: rms from 0 to 1. */
  hear({ microphone, model }) {
    this.#goal = { microphone: loudness(microphone), model: loudness(model) }
  }

  /** The state of the call; it decides how the form moves on its own. */
  set state(state) {
    this.#state = state
    if (state === 'idle' || state === 'ended') this.#goal = { microphone: 0, model: 0 }
  }

  #tick(now) {
    this.#frame = requestAnimationFrame((next) => this.#tick(next))
    if (now - this.#before < this.#pause()) return
    if (this.#count++ % 32 === 0) this.#mix()
    this.#fit()
    const passed = Math.min((now - this.#before) / 1000, 0.2)
    this.#before = now
    this.#follow(passed)
    this.#draw()
  }

  /** Milliseconds to wait between two drawings: enough for the eye, easy on a phone's battery. */
  #pause() {
    const isLive = this.#state !== 'idle' && this.#state !== 'ended'
    if (this.#calm.matches) return 120
    return isLive ? 30 : 60
  }

  /** Takes over the colours of the moment: a theme may change at any time. */
  #mix() {
    const style = getComputedStyle(this.#canvas)
    this.#ink = style.getPropertyValue('--ink').trim() || '#000'
    this.#accent = style.getPropertyValue('--accent').trim() || '#000'
  }

  /** Gives the canvas as many pixels as the screen shows of it. */
  #fit() {
    const side = Math.round(this.#canvas.clientWidth * Math.min(devicePixelRatio, 2)) || 1
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side
  }

  /** Lets the shown levels follow the heard ones: up at once, down slowly. */
  #follow(passed) {
    if (!this.#calm.matches) this.#time += passed
    for (const who of ['microphone', 'model']) {
      const gap = this.#goal[who] - this.#level[who]
      this.#level[who] += gap * (1 - Math.exp(-passed * (gap > 0 ? 18 : 6)))
    }
    const waiting = this.#state === 'connecting' || this.#state === 'reconnecting' ? 1 : 0
    this.#wait += (waiting - this.#wait) * (1 - Math.exp(-passed * 4))
  }

  #draw() {
    const { width } = this.#canvas
    this.#pen.setTransform(width, 0, 0, width, width / 2, width / 2)
    this.#pen.clearRect(-0.5, -0.5, 1, 1)
    this.#body()
    this.#string()
  }

  /** The model: three soft layers, out of step. */
  #body() {
    const time = this.#time
    const level = this.#level.model
    const breath = 0.006 * Math.sin(time * 0.9)
    this.#pen.fillStyle = this.#accent
    for (const [layer, alpha] of [[0, 0.10], [1, 0.14], [2, 0.22]]) {
      const size = 0.265 - layer * 0.022 + breath + level * (0.15 - layer * 0.035)
      const swing = 0.012 + level * 0.075
      this.#pen.globalAlpha = alpha
      this.#ring((angle) => size * (1 + swing * (
        0.55 * Math.sin(3 * angle + time * 1.1 + layer * 1.9) +
        0.30 * Math.sin(2 * angle - time * 0.8 + layer) +
        0.25 * Math.sin(5 * angle + time * 1.7 - layer * 2.3))))
      this.#pen.fill()
    }
  }

  /** The person: lines through the same nodes, further apart the louder the voice; in waiting, one ripple goes round. */
  #string() {
    const time = this.#time
    const level = this.#level.microphone
    this.#pen.strokeStyle = this.#ink
    this.#pen.lineWidth = Math.max(0.0032, 1 / this.#canvas.width)
    for (let line = -STRINGS; line <= STRINGS; line += 1) {
      const share = line / STRINGS
      this.#pen.globalAlpha = (0.85 - 0.6 * Math.abs(share)) * (line === 0 ? 1 : Math.min(1, 0.15 + level * 3 + this.#wait * 0.5))
      this.#ring((angle) => {
        const wave = 0.6 * Math.sin(9 * angle + time * 1.3) + 0.4 * Math.sin(14 * angle - time * 2.1)
        const ripple = Math.exp(-9 * (1 - Math.cos(angle - time * 2.2))) * Math.sin(17 * angle - time * 7)
        const drift = 0.008 * Math.sin(4 * angle + time * 0.5)
        return 0.355 + share * (drift + 0.11 * level * wave + 0.06 * this.#wait * ripple) + 0.02 * level
      })
      this.#pen.stroke()
    }
    this.#pen.globalAlpha = 1
  }

  #ring(radius) {
    this.#pen.beginPath()
    for (let step = 0; step < STEPS; step += 1) {
      const angle = (step / STEPS) * 2 * Math.PI
      const reach = radius(angle)
      this.#pen.lineTo(reach * Math.cos(angle), reach * Math.sin(angle))
    }
    this.#pen.closePath()
  }
}

/** Lines on each side of the middle one. */
const STRINGS = 4

/** Corners of a closed curve: too many to be seen. */
const STEPS = 160

/** From rms to 0…1 as the ear ranks it: −50 dB is nothing, −12 dB is all. */
function loudness(rms) {
  if (!(rms > 0)) return 0
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 50) / 38))
}
