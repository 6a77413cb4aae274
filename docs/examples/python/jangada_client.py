"""What a program needs around the calls of Jangada's gRPC API: to go on when a node dies, to write each record
once, to read each record once. Take it as it is, or as a pattern for another language.

Needs grpcio, and the code that generate.sh makes of Jangada's .proto files. Not for several threads at once.
"""

import time

import grpc

from jangada.v1 import admin_pb2, admin_pb2_grpc, common_pb2, log_pb2, log_pb2_grpc

TRY_SECONDS = 5      # of one call at one node: a node that hangs is passed over after so long
PAUSE_SECONDS = 0.1  # between tries: a new leader is elected in well under a second


def error_detail(error):
    """The ErrorDetail that a node sent with its error, or None: then the connection broke, and whether the call
    was carried out is not known."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            detail = common_pb2.ErrorDetail()
            common_pb2.RpcStatus.FromString(value).details[0].Unpack(detail)
            return detail
    return None


def may_pass(error):
    """May the same call succeed later, or at another node?"""
    detail = error_detail(error)
    return detail.retriable if detail else error.code() in (
        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


class Cluster:
    """Some nodes of a cluster. Any node serves any call, so one that lives is enough."""

    def __init__(self, nodes):
        """`nodes`: "host:port,host:port" """
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
        self.channels = [grpc.insecure_channel(node, options) for node in nodes.split(",")]

    def log(self):
        return log_pb2_grpc.LogStub(self.channels[0])

    def admin(self):
        return admin_pb2_grpc.AdminStub(self.channels[0])

    def turn_to_the_next_node(self):
        self.channels.append(self.channels.pop(0))
        time.sleep(PAUSE_SECONDS)

    def ask(self, call, seconds=60):
        """call() until it is answered. Only for calls that may be carried out twice: reads, and writes under a
        sequence number."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                if not may_pass(error) or time.monotonic() > deadline:
                    raise
                self.turn_to_the_next_node()

    def create_topic(self, name, partitions, replicas):
        """Makes the topic, or leaves it as it is where it exists."""
        request = admin_pb2.CreateTopicRequest(name=name, partitions=partitions, replication_factor=replicas)
        try:
            self.ask(lambda: self.admin().CreateTopic(request, timeout=2 * TRY_SECONDS))
        except grpc.RpcError as error:
            detail = error_detail(error)
            if detail is None or detail.code != "ALREADY_EXISTS":
                raise

    def count_partitions(self, topic):
        request = admin_pb2.DescribeTopicsRequest(names=[topic])
        answer = self.ask(lambda: self.admin().DescribeTopics(request, timeout=TRY_SECONDS))
        return len(answer.topics[0].partitions)


def murmur2(data):
    """The hash of Kafka's default partitioner."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    hashed = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        word = int.from_bytes(data[i:i + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        hashed = hashed * multiplier & mask ^ word
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    return hashed ^ hashed >> 15


class Producer:
    """Writes records to a topic, one at a time, each once: a call whose fate is not known is repeated under its
    number, and the log takes a number only once."""

    def __init__(self, cluster, topic):
        self.cluster = cluster
        self.topic = topic
        self.identity = cluster.ask(
            lambda: cluster.log().InitProducer(log_pb2.InitProducerRequest(), timeout=TRY_SECONDS))
        self.next_sequence = [0] * cluster.count_partitions(topic)

    def send(self, key, value):
        """(partition, offset) of the record, once a majority of the partition's nodes has it on disk. The key
        decides the partition, as it does with Kafka's clients."""
        partition = (murmur2(key) & 0x7FFFFFFF) % len(self.next_sequence)
        request = log_pb2.ProduceRequest(
            topic=self.topic, partition=partition, records=[common_pb2.Record(key=key, value=value)],
            producer_id=self.identity.producer_id, producer_epoch=self.identity.producer_epoch,
            base_sequence=self.next_sequence[partition])
        ack = self.cluster.ask(lambda: self.cluster.log().Produce(request, timeout=TRY_SECONDS))
        self.next_sequence[partition] = (self.next_sequence[partition] + 1) & 0x7FFFFFFF
        return partition, ack.base_offset


def consume(cluster, topic):
    """(partition, record) for every record of the topic from its beginning on, and then those that come. Each
    partition's come in order, none is missed, none comes twice."""
    positions = [None] * cluster.count_partitions(topic)  # None: the beginning
    while True:
        request = log_pb2.ConsumeRequest(partitions=[
            log_pb2.ConsumePartition(topic=topic, partition=partition, offset=position)
            for partition, position in enumerate(positions)])
        try:
            # The stream has a deadline, so that a node which hangs is left after a while.
            for response in cluster.log().Consume(request, timeout=60):
                for record in response.records:
                    yield response.partition, record
                positions[response.partition] = response.next_offset
        except grpc.RpcError as error:
            if not may_pass(error):
                raise
        cluster.turn_to_the_next_node()
