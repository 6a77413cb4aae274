#!/usr/bin/env python3
"""Reads text on stdin, writes KEY<TAB>LINE for each line, the key being the line's third word (empty where there
is none). Bytes stay as they are; a last line without a newline counts.
"""

import sys

for line in sys.stdin.buffer.read().removesuffix(b"\n").split(b"\n"):
    words = line.split(None, 3)
    key = words[2] if len(words) > 2 else b""
    sys.stdout.buffer.write(key + b"\t" + line + b"\n")
