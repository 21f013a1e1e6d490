// The page: www/ and the package's JavaScript and WebAssembly, into dist/. It runs from any folder of any server.

import { fileURLToPath } from 'node:url'
import CopyWebpackPlugin from 'copy-webpack-plugin'
import HtmlWebpackPlugin from 'html-webpack-plugin'
import webpack from 'webpack'

export default (_env, { mode = 'production' } = {}) => ({
  mode,
  context: path('.'),
  entry: './www/main.js',
  target: ['web', 'es2022'],
  output: {
    path: path('dist'),
    // Everything lies beside the page; to find that out at run time weighs 600 bytes.
    publicPath: '',
    filename: '[name].[contenthash:8].js',
    assetModuleFilename: '[name].[contenthash:8][ext]',
    clean: true,
  },
  plugins: [
    new HtmlWebpackPlugin({ template: 'www/index.html', scriptLoading: 'defer' }),
    new CopyWebpackPlugin({ patterns: [{ context: 'www', from: '*.{css,svg,png,webmanifest}' }, 'www/early.js'] }),
    new Config(process.env.VIVAVOCE_URL || '/ws'),
  ],
  devtool: mode === 'production' ? false : 'source-map',
  // `npm run size` has a budget of its own.
  performance: { hints: false },
})

/** Writes config.json, in which the page reads whom to call and where tickets are given; it may be changed after the build. */
class Config {
  constructor(url) {
    this.url = url
  }

  apply(compiler) {
    // A proxy that serves the page itself tells it more.
    const session = /^wss?:/.test(this.url) ? new URL('/v1/session', this.url.replace(/^ws/, 'http')).href : undefined
    const source = new webpack.sources.RawSource(`${JSON.stringify({ url: this.url, session })}\n`)
    compiler.hooks.thisCompilation.tap('Config', (compilation) => {
      compilation.hooks.processAssets.tap('Config', () => compilation.emitAsset('config.json', source))
    })
  }
}

function path(name) {
  return fileURLToPath(new URL(name, import.meta.url))
}
