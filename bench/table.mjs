// What was measured, for people.

import { TARGET } from './load.mjs'

/** Prints all of it. */
export function print({ machine, node, chromium, sizes }) {
  console.log(`\n${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(1)}; Node ${machine.node}${chromium ? `; ${chromium.version}` : ''}`)
  for (const { from, to, rows } of node.quality) {
    const [ours, theirs] = [chromium?.speed.races, chromium?.own]
    const speeds = (found, name) => found?.find((road) => road.from === from && road.to === to)?.rows.find((row) => row.name === name)
    const own = (theirs?.quality ?? []).filter((road) => road.from === from && road.to === to).flatMap((road) => road.rows)
    const isCapture = to === 16000
    console.log(`\n${isCapture ? 'capture' : 'playback'} ${from} → ${to} Hz`)
    lines(isCapture ? CAPTURE : PLAYBACK, [
      ...rows.map((row) => ({ ...row, node: speeds(node.speed.races, row.name), chromium: speeds(ours, row.name) })),
      ...own.map((row) => ({ ...row, name: `Chromium ${row.name}`, chromium: speeds(theirs.races, row.name) })),
    ])
  }
  console.log('\nthe audio thread and the voice detector, % of a core')
  lines(...shares([...loads('Node', node), ...(chromium ? loads('Chromium', chromium) : [])]))
  console.log('\nbytes')
  lines([['', ({ name }) => name], ['raw', ({ bytes }) => String(bytes)], ['brotli', ({ brotli }) => String(brotli)]], sizes)
}

const loads = (where, { speed }) => speed.loads.map((row) => ({ ...row, where }))

const shown = (value, digits) => (value === undefined || value === null ? '' : value.toFixed(digits).replace(/^-(0\.?0*)$/, '$1'))
const speed = (where) => [
  [`ns ${where}`, (row) => shown(row[where]?.ns, 0)],
  ['×', (row) => shown(row[where]?.ratio, 2)],
]

const CAPTURE = [
  ['', ({ name }) => name],
  ['ripple dB', ({ ripple_db }) => shown(ripple_db, 3)],
  ['−1 dB Hz', ({ edge_hz }) => shown(edge_hz, 0)],
  ['alias >9k', ({ alias_far_db }) => shown(alias_far_db, 1)],
  ['alias 8–9k', ({ alias_near_db }) => shown(alias_near_db, 1)],
  ['filter ms', ({ filter_ms }) => shown(filter_ms, 2)],
  ['wait ms', ({ wait_ms }) => shown(wait_ms, 2)],
  ...speed('node'), ...speed('chromium'),
]

const PLAYBACK = [
  ['', ({ name }) => name],
  ['ripple dB', ({ ripple_db }) => shown(ripple_db, 3)],
  ['−1 dB Hz', ({ edge_hz }) => shown(edge_hz, 0)],
  ['images', ({ image_db }) => shown(image_db, 1)],
  ['filter ms', ({ filter_ms }) => shown(filter_ms, 2)],
  ['wait ms', ({ wait_ms }) => shown(wait_ms, 2)],
  ...speed('node'), ...speed('chromium'),
]

/** A column for each place and rate, a row for each who works there. */
function shares(places) {
  const columns = [
    ['', ({ name }) => name],
    ...places.map((place) => [`${place.where}, ${place.rate} Hz`, ({ who }) => shown(100 * place[who], 3)]),
    ['target', ({ target }) => target ?? ''],
  ]
  return [columns, [
    { name: 'capture', who: 'capture' },
    { name: 'playback', who: 'playback' },
    { name: 'voice detector', who: 'vad' },
    { name: 'together', who: 'together', target: `≤ ${shown(100 * TARGET, 3)}` },
  ]]
}

/** Prints rows in columns as wide as they need to be; `columns` are pairs of a title and what stands in a row. */
export function lines(columns, rows) {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, show]) => show(row)))]
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)))
  for (const line of cells) console.log(line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] + 2))).join(''))
}
