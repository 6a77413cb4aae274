#!/usr/bin/env python3
"""Sends a hundred payments, as JSON, to the topic "payments" (pip install kafka-python)."""

import json

from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:9092',
                         value_serializer=lambda payment: json.dumps(payment).encode('utf-8'))

for number in range(100):
    producer.send('payments', {'id': f'payment-{number}', 'account': f'account-{number % 10}', 'cents': 100 + number})

producer.flush()
print('100 payments sent')
