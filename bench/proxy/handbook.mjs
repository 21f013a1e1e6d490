// A proxy in the manner of the handbook that the project began with: Node, `ws`, every message parsed and written anew.
// `node bench/proxy/handbook.mjs UPSTREAM`

import { WebSocket, WebSocketServer } from 'ws'

const SETUP = {
  model: 'models/gemini-3.8-live',
  generationConfig: { responseModalities: ['AUDIO'], speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } } },
  realtimeInputConfig: { automaticActivityDetection: { endOfSpeechSensitivity: 'END_SENSITIVITY_HIGH', silenceDurationMs: 700 } },
  inputAudioTranscription: {},
  outputAudioTranscription: {},
}

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })

server.on('connection', (phone) => {
  const service = new WebSocket(process.argv[2])
  const say = (message) => service.readyState === WebSocket.OPEN && service.send(JSON.stringify(message))
  service.on('open', () => say({ setup: SETUP }))
  service.on('message', (frame) => phone.send(JSON.stringify(JSON.parse(frame))))
  service.on('close', () => phone.close())
  service.on('error', () => phone.close())
  phone.on('message', (frame) => {
    const { type, audio, text } = JSON.parse(frame)
    if (type === 'audio') say({ realtimeInput: { audio: { data: audio, mimeType: 'audio/pcm;rate=16000' } } })
    else if (type === 'text') say({ clientContent: { turns: [{ role: 'user', parts: [{ text }] }], turnComplete: true } })
    else if (type === 'audioStreamEnd') say({ realtimeInput: { audioStreamEnd: true } })
  })
  phone.on('close', () => service.close())
})

server.on('listening', () => console.log(`listening on ${server.address().port}`))
