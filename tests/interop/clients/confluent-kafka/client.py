"""confluent-kafka (librdkafka) against a broker: see tests/interop/interop.py for how this is run."""

import functools
import os
import sys
import time

from confluent_kafka import (OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions,
                                   NewTopic, ResourceType)

BOOTSTRAP = os.environ["BOOTSTRAP"]
TOPIC = os.environ["TOPIC"]
SECONDS = 60


def check(condition, sentence):
    if not condition:
        sys.exit(sentence)


@functools.cache  # an answer that is waited for keeps no client alive
def admin():
    return AdminClient({"bootstrap.servers": BOOTSTRAP})


def eventually(condition, sentence):
    """A change is there at once on the node that took it; on the others a moment later."""
    deadline = time.monotonic() + 20
    while not condition():
        check(time.monotonic() < deadline, sentence)
        time.sleep(0.1)


def settle(futures):
    """Waits for the answers of an admin call; the first one."""
    return [future.result(SECONDS) for future in futures.values()][0]


def make_topic(partitions=1):
    settle(admin().create_topics([NewTopic(TOPIC, partitions, 3)]))


def produce(messages, **settings):
    """(key, value, headers, timestamp) each; the records as delivered."""
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "linger.ms": 5, **settings})
    delivered = []

    def on_delivery(error, message):
        check(error is None, f"a record was not taken: {error}")
        delivered.append(message)

    for key, value, headers, timestamp in messages:
        extra = {"timestamp": timestamp} if timestamp else {}
        while True:
            try:
                producer.produce(TOPIC, key=key, value=value, headers=headers, on_delivery=on_delivery, **extra)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    check(producer.flush(SECONDS) == 0, "not all records were acknowledged in time")
    return delivered


def consumer(group=None, **settings):
    return Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group or "by-assignment",
                     "enable.auto.commit": False, "auto.offset.reset": "earliest", **settings})


def take(reader, count, seconds=SECONDS):
    records = []
    deadline = time.monotonic() + seconds
    while len(records) < count:
        check(time.monotonic() < deadline, f"only {len(records)} of {count} records came")
        message = reader.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        records.append(message)
    return records


def read_all(count, partition=0, **settings):
    reader = consumer(**settings)
    reader.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING)])
    records = take(reader, count)
    reader.close()
    return records


def plain(count, start=0):
    return [(f"key-{i}", f"value-{i} " + "abc" * 30, None, None) for i in range(start, start + count)]


def create():
    make_topic(3)
    metadata = admin().list_topics(timeout=SECONDS)
    check(TOPIC in metadata.topics, "the new topic is not listed")
    partitions = metadata.topics[TOPIC].partitions
    check(sorted(partitions) == [0, 1, 2], f"partitions are {sorted(partitions)}")
    check(all(len(one.replicas) == 3 for one in partitions.values()), "not three replicas each")
    check(len(metadata.brokers) == 3, f"{len(metadata.brokers)} brokers")
    try:
        make_topic(3)
    except KafkaException as error:
        check(error.args[0].name() == "TOPIC_ALREADY_EXISTS", f"a second creation says {error}")
    else:
        sys.exit("a topic could be created twice")


def produce_with(codec):
    make_topic()
    produce(plain(500), **{"compression.type": codec})
    values = [message.value().decode() for message in read_all(500)]
    check(values == [value for _, value, _, _ in plain(500)], "not what was sent")


def idempotent():
    make_topic()
    delivered = produce(plain(2000), **{"enable.idempotence": True})
    offsets = sorted(message.offset() for message in delivered)
    check(offsets == list(range(2000)), "offsets are not those from 0 to 1999")
    values = [message.value().decode() for message in read_all(2000)]
    check(values == [value for _, value, _, _ in plain(2000)], "not in order, or twice")


def assignment():
    make_topic(2)
    produce(plain(300))
    reader = consumer()
    low_high = [reader.get_watermark_offsets(TopicPartition(TOPIC, one), SECONDS) for one in (0, 1)]
    check(sum(high for _, high in low_high) == 300, f"watermarks are {low_high}")
    reader.assign([TopicPartition(TOPIC, one, OFFSET_BEGINNING) for one in (0, 1)])
    check(len(take(reader, 300)) == 300, "not all records came")
    end = low_high[0][1]
    reader.seek(TopicPartition(TOPIC, 0, end - 5))
    check([message.offset() for message in take(reader, 5)] == list(range(end - 5, end)), "seeking near the end")
    reader.assign([TopicPartition(TOPIC, 0, OFFSET_END)])
    check(reader.poll(2.0) is None, "there is something after the end")
    reader.close()


def timestamps():
    make_topic()
    base = round(time.time() - 3600) * 1000  # what is older than retention.ms goes at once
    produce([(None, f"{i}", None, base + 1000 * i) for i in range(100)])
    reader = consumer()
    found = reader.offsets_for_times([TopicPartition(TOPIC, 0, base + 41_500)], SECONDS)[0]
    check(found.offset == 42, f"the offset at 41.5 s is {found.offset}")
    reader.assign([found])
    message = take(reader, 1)[0]
    check(message.value() == b"42" and message.timestamp()[1] == base + 42_000, f"got {message.value()}")
    after = reader.offsets_for_times([TopicPartition(TOPIC, 0, base + 10**9)], SECONDS)[0]
    check(after.offset in (OFFSET_END, -1), f"after all records: {after.offset}")
    reader.close()


def headers():
    make_topic()
    sent = [("trace", b"1"), ("trace", b"2"), ("empty", b""), ("none", None)]
    produce([("k", "v", sent, None)])
    got = read_all(1)[0].headers()
    check(got == sent, f"headers came as {got}")


def nulls():
    make_topic()
    produce([(None, "only a value", None, None), ("only a key", None, None, None), (None, None, None, None),
             ("", "", None, None)])
    got = [(message.key(), message.value()) for message in read_all(4)]
    check(got == [(None, b"only a value"), (b"only a key", None), (None, None), (b"", b"")], f"came as {got}")


def large():
    make_topic()
    big = os.urandom(500_000).hex()
    produce([("big", big, None, None)] * 3, **{"message.max.bytes": 2_000_000})
    got = [message.value().decode() for message in read_all(3)]
    check(got == [big] * 3, "not what was sent")


def administer():
    make_topic()
    produce(plain(100))
    client = admin()
    change = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[
        ConfigEntry("retention.ms", "86400000", incremental_operation=AlterConfigOpType.SET)])
    settle(client.incremental_alter_configs([change]))
    described = [ConfigResource(ResourceType.TOPIC, TOPIC)]
    eventually(lambda: settle(client.describe_configs(described))["retention.ms"].value == "86400000",
               "retention.ms was not set")
    settle(client.create_partitions([NewPartitions(TOPIC, 4)]))
    eventually(lambda: len(client.list_topics(TOPIC, timeout=SECONDS).topics[TOPIC].partitions) == 4, "not 4 partitions")
    low = settle(client.delete_records([TopicPartition(TOPIC, 0, 60)])).low_watermark
    check(low == 60, f"the low watermark is {low}")
    check(read_all(40)[0].offset() == 60, "the first record left is not 60")
    check(len(client.describe_cluster().result(SECONDS).nodes) == 3, "not three nodes")
    settle(client.delete_topics([TOPIC]))
    eventually(lambda: TOPIC not in client.list_topics(timeout=SECONDS).topics, "the topic is still listed")


def failover():
    make_topic()
    half = plain(2000)
    produce(half, **{"enable.idempotence": True})
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True})
    delivered = []

    def on_delivery(error, message):
        check(error is None, f"a record was not taken: {error}")
        delivered.append(message.offset())

    rest = plain(3000, 2000)
    for i, (key, value, _, _) in enumerate(rest):
        producer.produce(TOPIC, key=key, value=value, on_delivery=on_delivery)
        producer.poll(0.0005)
        if i == 1000:
            print("@kill-leader", flush=True)
            sys.stdin.readline()
    check(producer.flush(SECONDS) == 0, "not all records were acknowledged in time")
    check(len(delivered) == 3000, f"{len(delivered)} acknowledgements")
    values = [message.value().decode() for message in read_all(5000)]
    check(values == [value for _, value, _, _ in half + rest], "lost, twice or out of order")


def commit():
    make_topic()
    produce(plain(100))
    group = TOPIC + "-group"
    reader = consumer(group)
    reader.subscribe([TOPIC])
    check([message.offset() for message in take(reader, 40)][-1] == 39, "the first 40 records")
    reader.commit(offsets=[TopicPartition(TOPIC, 0, 40, "note")], asynchronous=False)
    reader.close()
    reader = consumer(group)
    reader.subscribe([TOPIC])
    check(take(reader, 1)[0].offset() == 40, "does not resume at the committed offset")
    committed = reader.committed([TopicPartition(TOPIC, 0)], SECONDS)[0]
    check(committed.offset == 40, f"the committed offset is {committed.offset}")
    reader.close()


def member():
    reader = consumer(TOPIC + "-group", **{"session.timeout.ms": 6000, "heartbeat.interval.ms": 500})

    def tell(_, partitions):
        print("assigned", len(partitions), flush=True)

    reader.subscribe([TOPIC], on_assign=tell)
    while True:
        message = reader.poll(0.5)
        if message is not None and not message.error():
            print("got", message.value().decode(), flush=True)
            reader.commit(message, asynchronous=True)


FEATURES = {"create": create, "idempotent": idempotent, "assignment": assignment, "timestamps": timestamps,
            "headers": headers, "nulls": nulls, "large": large, "admin": administer, "failover": failover,
            "commit": commit, "member": member,
            **{f"produce-{codec}": lambda codec=codec: produce_with(codec)
               for codec in ("none", "gzip", "snappy", "lz4", "zstd")}}

if __name__ == "__main__":
    FEATURES[sys.argv[1]]()
