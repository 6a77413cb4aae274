"""kafka-python against a broker: see tests/interop/interop.py for how this is run."""

import os
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

BOOTSTRAP = os.environ["BOOTSTRAP"].split(",")
TOPIC = os.environ["TOPIC"]
SECONDS = 60


def check(condition, sentence):
    if not condition:
        sys.exit(sentence)


def eventually(condition, sentence):
    """A change is there at once on the node that took it; on the others a moment later."""
    deadline = time.monotonic() + 20
    while not condition():
        check(time.monotonic() < deadline, sentence)
        time.sleep(0.1)


def admin():
    return KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def make_topic(partitions=1):
    with admin() as client:
        client.create_topics({TOPIC: {"num_partitions": partitions, "replication_factor": 3}})


def produce(messages, **settings):
    """(key, value, headers, timestamp) each; the offsets."""
    with KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", linger_ms=5, **settings) as producer:
        sent = [producer.send(TOPIC, key=key.encode() if key is not None else None,
                              value=value.encode() if value is not None else None,
                              headers=headers or [], timestamp_ms=timestamp)
                for key, value, headers, timestamp in messages]
        return [one.get(SECONDS).offset for one in sent]


def consumer(group=None, **settings):
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False,
                         auto_offset_reset="earliest", **settings)


def take(reader, count, seconds=SECONDS):
    records = []
    deadline = time.monotonic() + seconds
    while len(records) < count:
        check(time.monotonic() < deadline, f"only {len(records)} of {count} records came")
        for batch in reader.poll(1000, max_records=count - len(records)).values():
            records.extend(batch)
    return records


def read_all(count, partition=0, **settings):
    reader = consumer(**settings)
    reader.assign([TopicPartition(TOPIC, partition)])
    reader.seek_to_beginning()
    records = take(reader, count)
    reader.close()
    return records


def plain(count, start=0):
    return [(f"key-{i}", f"value-{i} " + "abc" * 30, None, None) for i in range(start, start + count)]


def create():
    make_topic(3)
    with admin() as client:
        check(TOPIC in client.list_topics(), "the new topic is not listed")
        described = client.describe_topics([TOPIC])[0]
        check(len(described["partitions"]) == 3, f"described as {described}")
        check(len(client.describe_cluster()["brokers"]) == 3, "not three brokers")
    try:
        make_topic(3)
    except TopicAlreadyExistsError:
        return
    sys.exit("a topic could be created twice")


def produce_with(codec):
    make_topic()
    produce(plain(500), compression_type=codec)
    values = [record.value.decode() for record in read_all(500)]
    check(values == [value for _, value, _, _ in plain(500)], "not what was sent")


def idempotent():
    make_topic()
    offsets = produce(plain(2000), enable_idempotence=True)
    check(offsets == list(range(2000)), "offsets are not those from 0 to 1999")
    values = [record.value.decode() for record in read_all(2000)]
    check(values == [value for _, value, _, _ in plain(2000)], "not in order, or twice")


def assignment():
    make_topic(2)
    produce(plain(300))
    reader = consumer()
    both = [TopicPartition(TOPIC, one) for one in (0, 1)]
    reader.assign(both)
    ends = reader.end_offsets(both)
    check(sum(ends.values()) == 300, f"ends are {ends}")
    check(set(reader.beginning_offsets(both).values()) == {0}, "beginnings are not 0")
    reader.seek_to_beginning()
    check(len(take(reader, 300)) == 300, "not all records came")
    end = ends[both[0]]
    reader.assign(both[:1])
    reader.seek(both[0], end - 5)
    check([record.offset for record in take(reader, 5)] == list(range(end - 5, end)), "seeking near the end")
    reader.seek_to_end()
    check(not reader.poll(2000), "there is something after the end")
    reader.close()


def timestamps():
    make_topic()
    base = round(time.time() - 3600) * 1000  # what is older than retention.ms goes at once
    produce([(None, f"{i}", None, base + 1000 * i) for i in range(100)])
    reader = consumer()
    one = TopicPartition(TOPIC, 0)
    reader.assign([one])
    found = reader.offsets_for_times({one: base + 41_500})[one]
    check((found.offset, found.timestamp) == (42, base + 42_000), f"at 41.5 s is {found}")
    reader.seek(one, found.offset)
    check(take(reader, 1)[0].value == b"42", "the record there is another")
    check(reader.offsets_for_times({one: base + 10**9})[one] is None, "there is something after all records")
    reader.close()


def headers():
    make_topic()
    sent = [("trace", b"1"), ("trace", b"2"), ("empty", b"")]  # it sends no header without a value
    produce([("k", "v", sent, None)])
    got = list(read_all(1)[0].headers)
    check(got == sent, f"headers came as {got}")


def nulls():
    make_topic()
    produce([(None, "only a value", None, None), ("only a key", None, None, None), ("", "", None, None)])
    got = [(record.key, record.value) for record in read_all(3)]
    check(got == [(None, b"only a value"), (b"only a key", None), (b"", b"")], f"came as {got}")


def large():
    make_topic()
    big = os.urandom(500_000).hex()
    produce([("big", big, None, None)] * 3, max_request_size=2_000_000)
    got = [record.value.decode() for record in read_all(3)]
    check(got == [big] * 3, "not what was sent")


def administer():
    make_topic()
    produce(plain(100))
    one = TopicPartition(TOPIC, 0)
    with admin() as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"retention.ms": "86400000"})])
        described = [ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"retention.ms": None})]
        eventually(lambda: "86400000" in str(client.describe_configs(described)), "retention.ms was not set")
        client.create_partitions({TOPIC: 4})
        eventually(lambda: len(client.describe_topics([TOPIC])[0]["partitions"]) == 4, "not 4 partitions")
        sizes = [partition for node in client.describe_log_dirs({TOPIC: [0]}) for folder in node["log_dirs"]
                 for topic in folder["topics"] for partition in topic["partitions"]]
        check(len(sizes) == 3 and all(size["partition_size"] > 1000 for size in sizes), f"sizes are {sizes}")
        client.delete_records({one: 60})
        check(read_all(40)[0].offset == 60, "the first record left is not 60")
        client.delete_topics([TOPIC])
        eventually(lambda: TOPIC not in client.list_topics(), "the topic is still listed")


def failover():
    make_topic()
    half, rest = plain(2000), plain(3000, 2000)
    produce(half)
    with KafkaProducer(bootstrap_servers=BOOTSTRAP, enable_idempotence=True) as producer:
        sent = []
        for i, (key, value, _, _) in enumerate(rest):
            sent.append(producer.send(TOPIC, key=key.encode(), value=value.encode()))
            time.sleep(0.0005)
            if i == 1000:
                print("@kill-leader", flush=True)
                sys.stdin.readline()
        offsets = [one.get(SECONDS).offset for one in sent]
    check(offsets == list(range(2000, 5000)), "offsets are not those from 2000 to 4999")
    values = [record.value.decode() for record in read_all(5000)]
    check(values == [value for _, value, _, _ in half + rest], "lost, twice or out of order")


def commit():
    make_topic()
    produce(plain(100))
    group, one = TOPIC + "-group", TopicPartition(TOPIC, 0)
    reader = consumer(group)
    reader.subscribe([TOPIC])
    check(take(reader, 40)[-1].offset == 39, "the first 40 records")
    reader.commit({one: OffsetAndMetadata(40, "note", -1)})
    reader.close(autocommit=False)
    reader = consumer(group)
    reader.subscribe([TOPIC])
    check(take(reader, 1)[0].offset == 40, "does not resume at the committed offset")
    committed = reader.committed(one, metadata=True)
    check((committed.offset, committed.metadata) == (40, "note"), f"committed is {committed}")
    reader.close(autocommit=False)


class Tell(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        print("assigned", len(assigned), flush=True)


def member():
    reader = consumer(TOPIC + "-group", session_timeout_ms=6000, heartbeat_interval_ms=500)
    reader.subscribe([TOPIC], listener=Tell())
    while True:
        for batch in reader.poll(500).values():
            for record in batch:
                print("got", record.value.decode(), flush=True)
            reader.commit()


FEATURES = {"create": create, "idempotent": idempotent, "assignment": assignment, "timestamps": timestamps,
            "headers": headers, "nulls": nulls, "large": large, "admin": administer, "failover": failover,
            "commit": commit, "member": member,
            **{f"produce-{codec}": lambda codec=codec: produce_with(None if codec == "none" else codec)
               for codec in ("none", "gzip", "snappy", "lz4", "zstd")}}

if __name__ == "__main__":
    FEATURES[sys.argv[1]]()
