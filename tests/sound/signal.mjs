// Arithmetic on samples (Float32Array or Float64Array, −1…1).

/** Root of the mean square. */
export function rms(samples, from = 0, to = samples.length) {
  let sum = 0
  for (let i = from; i < to; i++) sum += samples[i] * samples[i]
  return Math.sqrt(sum / Math.max(1, to - from))
}

/** A sine of a second's fraction, faded in and out over 10 ms so that it brings no click of its own. */
export function tone(frequency_hz, seconds, rate, amplitude = 0.3) {
  const samples = new Float32Array(Math.round(seconds * rate))
  const fade = 0.01 * rate
  return samples.map((_, i) => amplitude * Math.min(1, i / fade, (samples.length - 1 - i) / fade) *
    Math.sin(2 * Math.PI * frequency_hz * i / rate))
}

/** A rush that never repeats itself, 24 kHz, and stays below 4 kHz. */
export function noise(seconds) {
  let state = 1
  const samples = Float32Array.from({ length: seconds * 24000 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  })
  return lowPass(samples, 4000, 24000)
}

/** One after the other. */
export function concat(...parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** `length` samples of `samples` from a moment between two of them, by a windowed sinc; zero outside. */
export function shifted(samples, moment, length) {
  const whole = Math.floor(moment)
  const kernel = sincKernel(moment - whole, 1)
  return Float32Array.from({ length }, (_, i) => convolve(samples, whole + i, kernel))
}

/** The same sound at another rate: the plain definition, slow and good. */
export function resample({ samples, rate }, to) {
  if (rate === to) return samples
  const cutoff = Math.min(1, to / rate)
  const phases = to / greatestCommonDivisor(rate, to)
  const kernels = Array.from({ length: phases }, (_, k) => sincKernel(k * rate / to % 1, cutoff))
  return Float32Array.from({ length: Math.floor(samples.length * to / rate) }, (_, i) =>
    convolve(samples, Math.floor(i * rate / to + 1e-9), kernels[i % phases]))
}

/** Only what lies below `cutoff_hz`, by a windowed sinc 250 Hz steep at 16 kHz. */
export function lowPass(samples, cutoff_hz, rate) {
  const half = 64
  const cutoff = 2 * cutoff_hz / rate
  const kernel = Float64Array.from({ length: 2 * half + 1 }, (_, k) =>
    (0.5 + 0.5 * Math.cos(Math.PI * (k - half) / (half + 1))) * sinc(cutoff * (k - half)))
  const gain = kernel.reduce((sum, weight) => sum + weight, 0)
  return Float32Array.from(samples, (_, i) => {
    let low = 0
    for (let k = Math.max(0, half - i); k <= 2 * half && i + k - half < samples.length; k++) {
      low += kernel[k] * samples[i + k - half]
    }
    return low / gain
  })
}

/** Only what lies above `cutoff_hz`. */
export function highPass(samples, cutoff_hz, rate) {
  const low = lowPass(samples, cutoff_hz, rate)
  return Float32Array.from(samples, (sample, i) => sample - low[i])
}

/** Amplitude ratio as decibels. */
export const decibels = ratio => 20 * Math.log10(Math.max(ratio, 1e-9))

/** The weights of the samples around a moment `fraction` after one of them, summing to 1. */
function sincKernel(fraction, cutoff) {
  const half = Math.ceil(SINC_HALF_WIDTH / cutoff)
  const kernel = Float64Array.from({ length: 2 * half }, (_, k) => {
    const x = fraction - (k - half + 1)
    return (0.5 + 0.5 * Math.cos(Math.PI * x / half)) * sinc(cutoff * x)
  })
  const gain = kernel.reduce((sum, weight) => sum + weight, 0)
  return kernel.map(weight => weight / gain)
}

function convolve(samples, whole, kernel) {
  const start = whole - kernel.length / 2 + 1
  const from = Math.max(0, -start)
  const to = Math.min(kernel.length, samples.length - start)
  let sum = 0
  for (let k = from; k < to; k++) sum += kernel[k] * samples[start + k]
  return sum
}

const greatestCommonDivisor = (a, b) => b === 0 ? a : greatestCommonDivisor(b, a % b)

function sinc(x) {
  if (Math.abs(x) < 1e-9) return 1
  return Math.sin(Math.PI * x) / (Math.PI * x)
}

// 24 zero crossings each side keep the interpolation's own error below −60 dB up to 0.9 of the band.
const SINC_HALF_WIDTH = 24
