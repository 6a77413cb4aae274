#!/usr/bin/env python3
"""Reads the payments of the topic "payments" from the first one on, and waits for more; Ctrl-C ends it
(pip install kafka-python)."""

import json

from kafka import KafkaConsumer

consumer = KafkaConsumer('payments',
                         bootstrap_servers='localhost:9092',
                         group_id='bookkeeping',
                         auto_offset_reset='earliest',
                         value_deserializer=lambda value: json.loads(value.decode('utf-8')))

for message in consumer:
    payment = message.value
    print(f"{message.partition}:{message.offset} {payment['account']} {payment['id']} {payment['cents']} cents")
