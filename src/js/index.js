// The npm package: a spoken conversation as a class, and as an element with a screen of its own.
export { VivaVoce } from './call.js'
export { VivaVoceElement } from './element.js'
