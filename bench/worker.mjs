// The bench in a Worker, where a call's voice detector is.

import { detector } from '../src/js/vad.js'
import { listen } from './load.mjs'

const ear = detector()

onmessage = async ({ data }) => postMessage(listen(await ear, data))
