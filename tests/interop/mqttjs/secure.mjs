// SPDX-License-Identifier: Apache-2.0
// node secure.mjs '{"host": …, "port": …, "ca": FILE, "cert": FILE, "key": FILE, "username": …}': subscribe over TLS,
// publish, and print what comes back. Nothing is switched off: a certificate that does not fit ends it with 1.
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

const known = JSON.parse(process.argv[2])
for (const name of ['ca', 'cert', 'key']) {
  if (known[name]) known[name] = readFileSync(known[name])
}
const client = mqtt.connect({ ...known, reconnectPeriod: 0 })
client.on('error', (error) => {
  console.error(String(error))
  process.exit(1)
})
client.on('connect', () => client.subscribe('test/js', () => client.publish('test/js', 'hello')))
client.on('message', (topic, payload) => {
  console.log(`${topic} ${payload}`)
  client.end(() => process.exit(0))
})
