"""docs/kafka-tools.md: what Kafka's own command-line tools were asked, and what they printed.

A program adds to its transcript a line `### FEATURE`, and for each call a line `$ WORDS` and what came.
"""

import re

HEAD = """# What Kafka's own tools print against three nodes

Written by `scripts/interop.sh kafka-tools` (`tests/interop/clients/kafka-tools`): every call of its last run, and the first lines of
what came. `TOPIC` is the topic (and the group) of the test, `BOOTSTRAP` the three nodes.
"""


def plain(text):
    """The same for every run, but for times."""
    text = re.sub(r"kafka-tools-tools-[a-z]+-\d+", "TOPIC", text)
    return re.sub(r"127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)+", "BOOTSTRAP", text)


def page(transcript):
    parts = re.split(r"^### (.*)\n", plain(transcript), flags=re.MULTILINE)
    sections = zip(parts[1::2], parts[2::2])
    return HEAD + "".join(f"\n## {feature}\n```\n{calls.rstrip()}\n```\n" for feature, calls in sections)


def write(path, transcript):
    path.write_text(page(transcript))
