// SPDX-License-Identifier: Apache-2.0
// MQTT.js against one broker: every version and QoS, retained messages, wills, sessions, properties.
// One line of JSON for each check on stdout: {"check": name, "ok": true} or with what differed.
import mqtt from 'mqtt'

const url = `mqtt://127.0.0.1:${process.argv[2]}`
const base = process.argv[3]
const WAIT_MS = 60000

function limited(promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing in ${WAIT_MS} ms`)), WAIT_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

class Peer {
  constructor(options) {
    this.messages = []
    this.waiting = []
    this.client = mqtt.connect(url, { reconnectPeriod: 0, protocolId: options.protocolVersion === 3 ? 'MQIsdp' : 'MQTT', ...options })
    this.client.on('message', (topic, payload, packet) => {
      const message = { topic, payload: payload.toString(), qos: packet.qos, retain: packet.retain, properties: packet.properties }
      const next = this.waiting.shift()
      if (next) next(message)
      else this.messages.push(message)
    })
    this.connected = limited(new Promise((resolve, reject) => {
      this.client.on('connect', resolve)
      this.client.on('error', reject)
    }), 'connect')
  }

  take() {
    if (this.messages.length) return Promise.resolve(this.messages.shift())
    return limited(new Promise((resolve) => this.waiting.push(resolve)), 'message')
  }

  subscribe(...args) { return this.client.subscribeAsync(...args) }
  publish(...args) { return limited(this.client.publishAsync(...args), 'publish') }
  end() { return this.client.endAsync() }
  vanish() { this.client.stream.destroy() }
}

function same(got, wanted) {
  const a = JSON.stringify(got), b = JSON.stringify(wanted)
  if (a !== b) throw new Error(`${a} instead of ${b}`)
}

const checks = {}

for (const version of [3, 4, 5]) {
  for (const qos of [0, 1, 2]) {
    checks[`messages v${version} qos${qos}`] = async (topic) => {
      const peer = new Peer({ protocolVersion: version, clientId: topic.slice(-20) })
      await peer.connected
      await peer.subscribe(`${topic}/#`, { qos })
      for (let n = 0; n < 50; n++) await peer.publish(`${topic}/${n}`, `m${n}`, { qos })
      for (let n = 0; n < 50; n++) {
        const m = await peer.take()
        same([m.topic, m.payload, m.qos, m.retain], [`${topic}/${n}`, `m${n}`, qos, false])
      }
      await peer.end()
    }
  }
  checks[`retained v${version}`] = async (topic) => {
    const peer = new Peer({ protocolVersion: version })
    await peer.connected
    await peer.publish(topic, 'kept', { qos: 1, retain: true })
    await peer.subscribe(topic, { qos: 1 })
    const m = await peer.take()
    same([m.payload, m.retain], ['kept', true])
    await peer.end()
  }
  checks[`will v${version}`] = async (topic) => {
    const watcher = new Peer({ protocolVersion: version })
    await watcher.connected
    await watcher.subscribe(topic, { qos: 1 })
    const gone = new Peer({ protocolVersion: version, will: { topic, payload: 'bye', qos: 1, retain: false } })
    await gone.connected
    gone.vanish()
    same((await watcher.take()).payload, 'bye')
    await watcher.end()
  }
  checks[`session v${version}`] = async (topic) => {
    const options = { protocolVersion: version, clientId: `${topic.slice(-16)}s`, clean: false }
    if (version === 5) options.properties = { sessionExpiryInterval: 60 }
    const first = new Peer(options)
    await first.connected
    await first.subscribe(topic, { qos: 2 })
    await first.end()
    const other = new Peer({ protocolVersion: version })
    await other.connected
    for (const n of ['one', 'two']) await other.publish(topic, n, { qos: 2 })
    const second = new Peer(options)
    await second.connected
    same([(await second.take()).payload, (await second.take()).payload], ['one', 'two'])
    await second.end()
    await other.end()
  }
}

checks['properties v5'] = async (topic) => {
  const peer = new Peer({ protocolVersion: 5 })
  await peer.connected
  await peer.subscribe(topic, { qos: 1, properties: { subscriptionIdentifier: 9 } })
  await peer.publish(topic, 'x', {
    qos: 1,
    properties: {
      payloadFormatIndicator: true, contentType: 'text/plain', responseTopic: 'r/t',
      correlationData: Buffer.from('cd'), userProperties: { a: ['1', '2'], b: '3' },
    },
  })
  const p = (await peer.take()).properties
  same([p.payloadFormatIndicator, p.contentType, p.responseTopic, p.correlationData.toString()],
    [true, 'text/plain', 'r/t', 'cd'])
  same([p.userProperties.a, p.userProperties.b, p.subscriptionIdentifier], [['1', '2'], '3', 9])
  await peer.end()
}

checks['topic aliases v5'] = async (topic) => {
  const peer = new Peer({ protocolVersion: 5, autoUseTopicAlias: true, autoAssignTopicAlias: true, properties: { topicAliasMaximum: 5 } })
  await peer.connected
  await peer.subscribe(`${topic}/#`)
  for (let n = 0; n < 40; n++) await peer.publish(`${topic}/${n % 8}`, String(n))
  for (let n = 0; n < 40; n++) {
    const m = await peer.take()
    same([m.topic, m.payload], [`${topic}/${n % 8}`, String(n)])
  }
  await peer.end()
}

checks['no local and shared v5'] = async (topic) => {
  const peer = new Peer({ protocolVersion: 5 })
  await peer.connected
  await peer.subscribe(topic, { qos: 1, nl: true })
  await peer.subscribe(`$share/g/${topic}`, { qos: 1 })
  await peer.publish(topic, 'mine', { qos: 1 })
  same((await peer.take()).payload, 'mine')
  await peer.end()
}

checks['large payload'] = async (topic) => {
  const peer = new Peer({ protocolVersion: 5 })
  await peer.connected
  await peer.subscribe(topic, { qos: 1 })
  const payload = 'x'.repeat(1500000)
  await peer.publish(topic, payload, { qos: 1 })
  same((await peer.take()).payload.length, payload.length)
  await peer.end()
}

let number = 0
for (const [name, check] of Object.entries(checks)) {
  try {
    await check(`${base}/${number++}`)
    console.log(JSON.stringify({ check: name, ok: true }))
  } catch (error) {
    console.log(JSON.stringify({ check: name, ok: false, error: String(error.stack ?? error) }))
  }
}
process.exit(0)
