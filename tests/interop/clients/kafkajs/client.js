// kafkajs against a broker: see tests/interop/interop.py for how this is run.
'use strict'

const readline = require('readline')
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')

const TOPIC = process.env.TOPIC
const kafka = new Kafka({
  clientId: 'interop', brokers: process.env.BOOTSTRAP.split(','), logLevel: logLevel.NOTHING,
})
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

function check(condition, sentence) {
  if (!condition) throw new Error(sentence)
}

// A change is there at once on the node that took it; on the others a moment later.
async function eventually(condition, sentence) {
  const deadline = Date.now() + 20000
  while (!await condition()) {
    check(Date.now() < deadline, sentence)
    await sleep(100)
  }
}

async function withAdmin(work) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

function makeTopic(partitions = 1) {
  return withAdmin(admin => admin.createTopics({
    waitForLeaders: true, topics: [{ topic: TOPIC, numPartitions: partitions, replicationFactor: 3 }],
  }))
}

const plain = (count, start = 0) => Array.from({ length: count }, (_, i) => ({
  key: `key-${start + i}`, value: `value-${start + i} ` + 'abc'.repeat(30),
}))

async function produce(messages, { compression, idempotent = false } = {}) {
  const producer = kafka.producer({ idempotent, maxInFlightRequests: 1 })
  await producer.connect()
  const told = []
  for (let i = 0; i < messages.length; i += 100) {
    told.push(...await producer.send({ topic: TOPIC, acks: -1, compression, messages: messages.slice(i, i + 100) }))
  }
  await producer.disconnect()
  return told.map(one => Number(one.baseOffset))
}

// kafkajs consumes in groups only; without a commit a new group begins at the beginning.
async function readAll(count, { groupId = `${TOPIC}-reader-${process.pid}`, seek } = {}) {
  const consumer = kafka.consumer({ groupId, rebalanceTimeout: 10000, sessionTimeout: 10000 })
  await consumer.connect()
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
  const records = []
  await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => { records.push(message) } })
  if (seek) consumer.seek({ topic: TOPIC, partition: 0, offset: String(seek) })
  const deadline = Date.now() + 60000
  while (records.length < count) {
    check(Date.now() < deadline, `only ${records.length} of ${count} records came`)
    await sleep(20)
  }
  await consumer.disconnect()
  return records.slice(0, count)
}

const texts = records => records.map(record => record.value.toString())
const same = (left, right) => JSON.stringify(left) === JSON.stringify(right)

async function create() {
  await makeTopic(3)
  await withAdmin(async admin => {
    check((await admin.listTopics()).includes(TOPIC), 'the new topic is not listed')
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] })
    check(topics[0].partitions.length === 3, 'not 3 partitions')
    check(topics[0].partitions.every(one => one.replicas.length === 3), 'not three replicas each')
    check((await admin.describeCluster()).brokers.length === 3, 'not three brokers')
  })
  check(await makeTopic(3) === false, 'a topic could be created twice')
}

async function produceWith(compression) {
  await makeTopic()
  await produce(plain(500), { compression })
  check(same(texts(await readAll(500)), plain(500).map(one => one.value)), 'not what was sent')
}

async function idempotent() {
  await makeTopic()
  const offsets = await produce(plain(2000), { idempotent: true })
  check(same(offsets, Array.from({ length: 20 }, (_, i) => 100 * i)), `base offsets are ${offsets}`)
  check(same(texts(await readAll(2000)), plain(2000).map(one => one.value)), 'not in order, or twice')
}

async function timestamps() {
  await makeTopic()
  const base = Date.now() - 3600000  // what is older than retention.ms goes at once
  await produce(Array.from({ length: 100 }, (_, i) => ({ value: String(i), timestamp: String(base + 1000 * i) })))
  const found = await withAdmin(admin => admin.fetchTopicOffsetsByTimestamp(TOPIC, base + 41500))
  check(found[0].offset === '42', `the offset at 41.5 s is ${found[0].offset}`)
  const record = (await readAll(1, { seek: found[0].offset }))[0]
  check(record.value.toString() === '42' && record.timestamp === String(base + 42000), 'another record is there')
}

async function headers() {
  await makeTopic()
  await produce([{ key: 'k', value: 'v', headers: { trace: ['1', '2'], empty: '' } }])
  const got = (await readAll(1))[0].headers
  check(same(got.trace.map(String), ['1', '2']) && got.empty.toString() === '', `headers came as ${got}`)
}

async function nulls() {
  await makeTopic()
  await produce([{ key: null, value: 'only a value' }, { key: 'only a key', value: null }, { key: '', value: '' }])
  const text = bytes => bytes === null ? null : bytes.toString()
  const got = (await readAll(3)).map(record => [text(record.key), text(record.value)])
  check(same(got, [[null, 'only a value'], ['only a key', null], ['', '']]), `came as ${JSON.stringify(got)}`)
}

async function large() {
  await makeTopic()
  const big = require('crypto').randomBytes(500000).toString('hex')
  for (let i = 0; i < 3; ++i) await produce([{ key: 'big', value: big }])
  check(same(texts(await readAll(3)), [big, big, big]), 'not what was sent')
}

async function administer() {
  await makeTopic()
  await produce(plain(100))
  await withAdmin(async admin => {
    const resource = { type: ConfigResourceTypes.TOPIC, name: TOPIC }
    await admin.alterConfigs({
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '86400000' }] }],
    })
    await eventually(async () => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false, resources: [{ ...resource, configNames: ['retention.ms'] }],
      })
      return resources[0].configEntries[0].configValue === '86400000'
    }, 'retention.ms was not set')
    await admin.createPartitions({ topicPartitions: [{ topic: TOPIC, count: 4 }] })
    await eventually(async () =>
      (await admin.fetchTopicMetadata({ topics: [TOPIC] })).topics[0].partitions.length === 4, 'not 4 partitions')
    await admin.deleteTopicRecords({ topic: TOPIC, partitions: [{ partition: 0, offset: '60' }] })
    const offsets = await admin.fetchTopicOffsets(TOPIC)
    check(offsets.find(one => one.partition === 0).low === '60', 'the low watermark is not 60')
    await admin.deleteTopics({ topics: [TOPIC] })
    await eventually(async () => !(await admin.listTopics()).includes(TOPIC), 'the topic is still listed')
  })
}

async function failover() {
  await makeTopic()
  const all = plain(4000)
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 30 } })
  await producer.connect()
  for (let i = 0; i < all.length; i += 50) {
    if (i === 2000) {
      console.log('@kill-leader')
      await new Promise(resolve => readline.createInterface({ input: process.stdin }).once('line', resolve))
    }
    await producer.send({ topic: TOPIC, acks: -1, messages: all.slice(i, i + 50) })
  }
  await producer.disconnect()
  check(same(texts(await readAll(4000)), all.map(one => one.value)), 'lost, twice or out of order')
}

async function commit() {
  await makeTopic()
  await produce(plain(100))
  const groupId = `${TOPIC}-group`
  const consumer = kafka.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
  let read = 0
  await consumer.run({ autoCommit: false, eachMessage: async () => { ++read } })
  const deadline = Date.now() + 60000
  while (read < 40) {
    check(Date.now() < deadline, `only ${read} records came`)
    await sleep(20)
  }
  await consumer.commitOffsets([{ topic: TOPIC, partition: 0, offset: '40' }])
  await consumer.disconnect()
  const next = (await readAll(1, { groupId }))[0]
  check(next.offset === '40', `resumes at ${next.offset}`)
  const committed = await withAdmin(admin => admin.fetchOffsets({ groupId, topics: [TOPIC] }))
  check(committed[0].partitions[0].offset === '40', 'the committed offset is another')
}

async function member() {
  const consumer = kafka.consumer({ groupId: `${TOPIC}-group`, sessionTimeout: 6000, heartbeatInterval: 500 })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    console.log('assigned', (payload.memberAssignment[TOPIC] || []).length)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => { console.log('got', message.value.toString()) } })
  await new Promise(() => {})
}

const withCodec = (type, load) => () => {
  if (load) CompressionCodecs[type] = load()
  return produceWith(type)
}
const FEATURES = {
  create, idempotent, timestamps, headers, nulls, large, admin: administer, failover, commit, member,
  'produce-none': withCodec(CompressionTypes.None),
  'produce-gzip': withCodec(CompressionTypes.GZIP),
  'produce-snappy': withCodec(CompressionTypes.Snappy, () => require('kafkajs-snappy')),
  'produce-lz4': withCodec(CompressionTypes.LZ4, () => new (require('kafkajs-lz4'))().codec),
  'produce-zstd': async () => {
    const zstd = require('@bokuweb/zstd-wasm')
    await zstd.init()
    CompressionCodecs[CompressionTypes.ZSTD] = () => ({
      compress: async encoder => Buffer.from(zstd.compress(encoder.buffer, 3)),
      decompress: async bytes => Buffer.from(zstd.decompress(bytes)),
    })
    await produceWith(CompressionTypes.ZSTD)
  },
}

FEATURES[process.argv[2]]().then(() => process.exit(0), error => {
  console.error(error.message)
  process.exit(1)
})
