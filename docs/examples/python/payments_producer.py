#!/usr/bin/env python3
"""Sends payments, as JSON, to the topic "payments": the account is the key, so that the payments of one account
stay in order.

  payments_producer.py NODE[,NODE...] COUNT [PER_SECOND]

Nodes may die meanwhile: what is acknowledged is there, once.
"""

import json
import sys
import time

import jangada_client


def main(nodes, count, per_second=200):
    cluster = jangada_client.Cluster(nodes)
    cluster.create_topic("payments", partitions=3, replicas=3)
    producer = jangada_client.Producer(cluster, "payments")
    due = time.monotonic()
    for number in range(int(count)):
        account = f"account-{number % 10}"
        payment = {"id": number, "account": account, "cents": 100 + number % 900}
        producer.send(account.encode(), json.dumps(payment).encode())
        due += 1 / float(per_second)
        time.sleep(max(0, due - time.monotonic()))
    print(count, "payments acknowledged")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
