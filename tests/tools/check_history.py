#!/usr/bin/env python3
"""Judges a run: did every acknowledged record come back exactly once, exactly at its offset, in order?

  check_history.py --client SOURCE ACKS [--client SOURCE ACKS]... --consumed FOLDER
                   [--acks-before N] [--watched PARTITION] [--all-acked]

SOURCE    what one client sent, a line a record: KEY<TAB>VALUE (bytes; the first tab separates).
ACKS      what it was told, a line an acknowledgement, in the order of arrival: PARTITION OFFSET LINE_NUMBER
          (the output of `jangada produce --print-offsets`; line numbers of SOURCE count from 1).
FOLDER    what was read back, a file PARTITION.txt per partition: OFFSET<TAB>KEY<TAB>VALUE, from the beginning.

  --acks-before N      N acknowledgements of the first client came before the fault: there must be some
                       before it and some after it
  --watched PARTITION  ... and in this partition too, which the fault left without its leader
  --all-acked          every line of every source must be acknowledged

What must hold:
  1. offsets of a partition start at 0 and have no holes and no repetitions;
  2. an acknowledged line is at its acknowledged place, with its key and value unchanged;
  3. no line is there twice: what stands at places that no acknowledgement names is an unacknowledged line
     (its fate was unknown), at most once each;
  4. lines of one client with one key are in one partition, in the order in which they were sent.

Exit: 0 all of it holds, 1 something does not (each finding on stderr), 2 the input cannot be read.
"""

import argparse
import collections
import pathlib
import sys

MAX_FINDINGS_SHOWN = 20

Place = collections.namedtuple("Place", "partition offset")


class InputError(Exception):
    """The files are not what this tool reads."""


def split_lines(data):
    """Lines of bytes; a last line without its newline counts, nothing after the last newline does not."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return lines


def read_source(path):
    """[(key, value)], index = line number - 1."""
    records = []
    for number, line in enumerate(split_lines(pathlib.Path(path).read_bytes()), 1):
        key, tab, value = line.partition(b"\t")
        if not tab:
            raise InputError(f"{path}:{number}: no tab between key and value")
        records.append((key, value))
    return records


def read_acks(path, line_count):
    """[(place, line number)] in the order of arrival."""
    acks = []
    for number, line in enumerate(split_lines(pathlib.Path(path).read_bytes()), 1):
        try:
            partition, offset, line_number = (int(word) for word in line.split())
        except ValueError:
            raise InputError(f"{path}:{number}: not PARTITION OFFSET LINE_NUMBER") from None
        if not 1 <= line_number <= line_count:
            raise InputError(f"{path}:{number}: there is no line {line_number} in the source")
        acks.append((Place(partition, offset), line_number))
    return acks


def read_consumed(folder):
    """[(place, (key, value))] in the order in which they were read."""
    records = []
    for path in sorted(pathlib.Path(folder).glob("*.txt")):
        if not path.stem.isdigit():
            raise InputError(f"{path}: the file's name is not a partition's number")
        for number, line in enumerate(split_lines(path.read_bytes()), 1):
            fields = line.split(b"\t", 2)
            if len(fields) != 3 or not fields[0].isdigit():
                raise InputError(f"{path}:{number}: not OFFSET<TAB>KEY<TAB>VALUE")
            records.append((Place(int(path.stem), int(fields[0])), (fields[1], fields[2])))
    return records


class Client:
    """One producer: what it sent and what it was told."""

    def __init__(self, source, acks):
        self.source = source
        self.acks = acks


def show(record):
    text = b"\t".join(record).decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 60 else text[:57] + "...")


def check_offsets(consumed):
    """Rule 1."""
    findings = []
    expected = collections.Counter()
    for place, record in consumed:
        if place.offset != expected[place.partition]:
            findings.append(f"partition {place.partition}: offset {place.offset} where "
                            f"{expected[place.partition]} was due ({show(record)})")
        expected[place.partition] = place.offset + 1
    return findings


def check_acks_once(clients):
    """No line is acknowledged twice, no place is given to two lines."""
    findings = []
    given = {}
    for index, client in enumerate(clients):
        seen = set()
        for place, line_number in client.acks:
            who = f"client {index} line {line_number}"
            if line_number in seen:
                findings.append(f"{who} was acknowledged twice")
            seen.add(line_number)
            if place in given:
                findings.append(f"{who} and {given[place]} were both told partition {place.partition} "
                                f"offset {place.offset}")
            given[place] = who
    return findings


def check_places(clients, consumed):
    """Rule 2."""
    findings = []
    at = dict(consumed)
    for index, client in enumerate(clients):
        for place, line_number in client.acks:
            sent = client.source[line_number - 1]
            where = f"client {index} line {line_number}, acknowledged at partition {place.partition} " \
                    f"offset {place.offset}"
            if place not in at:
                findings.append(f"LOST: {where}, is not there: {show(sent)}")
            elif at[place] != sent:
                findings.append(f"ALTERED: {where}: sent {show(sent)}, found {show(at[place])}")
    return findings


def check_once(clients, consumed):
    """Rule 3. Answers (findings, unacknowledged lines that are there all the same)."""
    acked_places = {place for client in clients for place, _ in client.acks}
    unacked = collections.Counter()
    for client in clients:
        acked_lines = {line_number for _, line_number in client.acks}
        unacked.update(record for number, record in enumerate(client.source, 1)
                       if number not in acked_lines)
    findings = []
    present = 0
    for place, record in consumed:
        if place in acked_places:
            continue
        if unacked[record] > 0:
            unacked[record] -= 1
            present += 1
        else:
            findings.append(f"TWICE OR NEVER SENT: partition {place.partition} offset {place.offset} holds "
                            f"{show(record)}, which no unacknowledged line accounts for")
    return findings, present


def check_key_order(clients):
    """Rule 4, from the acknowledgements (rule 2 says that they tell the truth)."""
    findings = []
    for index, client in enumerate(clients):
        last = {}
        for line_number, place in sorted((line_number, place) for place, line_number in client.acks):
            key = client.source[line_number - 1][0]
            before = last.get(key)
            if before and before[1].partition != place.partition:
                findings.append(f"client {index}: key {key!r} is in partitions {before[1].partition} "
                                f"(line {before[0]}) and {place.partition} (line {line_number})")
            elif before and before[1].offset >= place.offset:
                findings.append(f"client {index}: key {key!r}: line {before[0]} at offset "
                                f"{before[1].offset} comes after line {line_number} at {place.offset}")
            last[key] = (line_number, place)
    return findings


def check_fault(client, acks_before, watched):
    """Acknowledgements came both before and after the fault."""
    findings = []
    before, after = client.acks[:acks_before], client.acks[acks_before:]
    numbers = {"before": len(before), "after": len(after)}
    if watched is not None:
        numbers["before, in the watched partition"] = sum(p.partition == watched for p, _ in before)
        numbers["after, in the watched partition"] = sum(p.partition == watched for p, _ in after)
    for when, count in numbers.items():
        print(f"acknowledged {when} the fault: {count}" if "," not in when else
              f"acknowledged {when.replace(',', ' the fault,')}: {count}")
        if count == 0:
            findings.append(f"no acknowledgement came {when} the fault")
    return findings


def check(clients, consumed, all_acked=False):
    """Every finding, and how many unacknowledged lines are in the log."""
    once, present = check_once(clients, consumed)
    findings = (check_offsets(consumed) + check_acks_once(clients) + check_places(clients, consumed) +
                once + check_key_order(clients))
    for index, client in enumerate(clients):
        missing = len(client.source) - len(client.acks)
        if all_acked and missing:
            findings.append(f"client {index}: {missing} lines were not acknowledged")
    return findings, present


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", nargs=2, action="append", required=True, metavar=("SOURCE", "ACKS"))
    parser.add_argument("--consumed", required=True, metavar="FOLDER")
    parser.add_argument("--acks-before", type=int, metavar="N")
    parser.add_argument("--watched", type=int, metavar="PARTITION")
    parser.add_argument("--all-acked", action="store_true")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        clients = []
        for source_path, acks_path in options.client:
            source = read_source(source_path)
            clients.append(Client(source, read_acks(acks_path, len(source))))
        consumed = read_consumed(options.consumed)
    except (InputError, OSError) as error:
        print(f"check_history: {error}", file=sys.stderr)
        return 2

    findings, present = check(clients, consumed, options.all_acked)
    if options.acks_before is not None:
        findings += check_fault(clients[0], options.acks_before, options.watched)
    acked = sum(len(client.acks) for client in clients)
    if acked == 0:
        findings.append("nothing was acknowledged: this proves nothing")
    print(f"sent: {sum(len(client.source) for client in clients)}  acknowledged: {acked}  "
          f"read back: {len(consumed)}  unacknowledged but there: {present}")
    print(f"partitions: {len({place.partition for place, _ in consumed})}  "
          f"keys: {len({record[0] for _, record in consumed})}")
    for finding in findings[:MAX_FINDINGS_SHOWN]:
        print(finding, file=sys.stderr)
    if len(findings) > MAX_FINDINGS_SHOWN:
        print(f"... and {len(findings) - MAX_FINDINGS_SHOWN} findings more", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
