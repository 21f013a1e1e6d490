// How a voice comes along one of its roads.

import { compare } from '../sound/comparison.mjs'
import { lowPass, resample } from '../sound/signal.mjs'

/** How well it arrived, as far as the road promises: where its filter ends, above 7 kHz, nothing is promised. */
export function arrived(road, from, to, note) {
  const [there, here] = [resample(from, to.rate), to.samples].map(samples => lowPass(samples, 7000, to.rate))
  const result = compare(there, here, to.rate)
  note(`${road}: SNR ${result.snr_db.toFixed(1)} dB (median ${result.median_db.toFixed(1)} dB), ` +
    `correlation ${result.correlation.toFixed(4)}, ${result.jumps.length} jumps`)
  return result
}
