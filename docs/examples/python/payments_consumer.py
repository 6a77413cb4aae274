#!/usr/bin/env python3
"""Reads the payments of all partitions of the topic "payments" from the beginning on, and prints each: partition,
offset, account, and the JSON as it is.

  payments_consumer.py NODE[,NODE...] COUNT

Ends after COUNT payments. Nodes may die meanwhile: none is missed, none comes twice.
"""

import itertools
import json
import sys

import jangada_client


def main(nodes, count):
    cluster = jangada_client.Cluster(nodes)
    cluster.create_topic("payments", partitions=3, replicas=3)
    for partition, record in itertools.islice(jangada_client.consume(cluster, "payments"), int(count)):
        payment = json.loads(record.value)
        print(partition, record.offset, payment["account"], record.value.decode(), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
