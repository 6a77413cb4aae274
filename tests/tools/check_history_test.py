"""The checker must pass an honest run and fail every kind of dishonest one."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_history  # noqa: E402


class Run:
    """An honest run of one client over two partitions, written to a temporary folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.source = [(b"k%d" % (i % 4), b"value %d \xff" % i) for i in range(40)]
        self.consumed = {0: [], 1: []}
        self.acks = []
        for number, record in enumerate(self.source, 1):
            partition = (number - 1) % 2
            self.acks.append((partition, len(self.consumed[partition]), number))
            self.consumed[partition].append(record)

    def verdict(self, *options):
        source = b"".join(key + b"\t" + value + b"\n" for key, value in self.source)
        (self.folder / "source").write_bytes(source)
        (self.folder / "acks").write_text("".join("%d %d %d\n" % ack for ack in self.acks))
        out = self.folder / "consumed"
        out.mkdir(exist_ok=True)
        for partition, records in self.consumed.items():
            rows = [b"%d\t%s\t%s\n" % (record[2] if len(record) == 3 else offset, record[0], record[1])
                    for offset, record in enumerate(records)]
            (out / f"{partition}.txt").write_bytes(b"".join(rows))
        self.said = io.StringIO()
        with contextlib.redirect_stderr(self.said), contextlib.redirect_stdout(io.StringIO()):
            return check_history.main(["--client", str(self.folder / "source"), str(self.folder / "acks"),
                                       "--consumed", str(out), *options])


class CheckHistoryTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.run_ = Run(folder.name)

    def assert_fails(self, text, *options):
        self.assertEqual(self.run_.verdict(*options), 1)
        self.assertIn(text, self.run_.said.getvalue())

    def test_honest_run_passes(self):
        self.assertEqual(self.run_.verdict("--all-acked", "--acks-before", "11", "--watched", "1"), 0)

    def test_dropped_record_at_the_end_fails(self):
        self.run_.consumed[1].pop()
        self.assert_fails("LOST")

    def test_dropped_record_in_the_middle_that_leaves_a_hole_fails(self):
        records = self.run_.consumed[0]
        records[:] = [(*record, offset) for offset, record in enumerate(records) if offset != 7]
        self.assert_fails("LOST")

    def test_dropped_record_after_which_the_others_moved_up_fails(self):
        del self.run_.consumed[0][7]
        self.assert_fails("ALTERED")

    def test_swapped_records_fail(self):
        records = self.run_.consumed[0]
        records[3], records[4] = records[4], records[3]
        self.assert_fails("ALTERED")

    def test_records_swapped_with_their_offsets_fail(self):
        records = self.run_.consumed[0]
        records[:] = [(*record, offset) for offset, record in enumerate(records)]
        records[3], records[4] = records[4], records[3]
        self.assert_fails("was due")

    def test_repeated_record_at_a_new_offset_fails(self):
        self.run_.consumed[0].append(self.run_.consumed[0][5])
        self.assert_fails("TWICE")

    def test_record_read_twice_at_its_own_offset_fails(self):
        records = self.run_.consumed[0]
        records[:] = [(*record, offset) for offset, record in enumerate(records)]
        records.insert(6, records[5])
        self.assert_fails("was due")

    def test_altered_value_fails(self):
        key, _ = self.run_.consumed[1][2]
        self.run_.consumed[1][2] = (key, b"something else")
        self.assert_fails("ALTERED")

    def test_altered_key_fails(self):
        _, value = self.run_.consumed[1][2]
        self.run_.consumed[1][2] = (b"k9", value)
        self.assert_fails("ALTERED")

    def test_record_that_nobody_sent_fails(self):
        self.run_.consumed[1].append((b"k1", b"never sent"))
        self.assert_fails("NEVER SENT")

    def test_record_in_the_other_partition_fails(self):
        self.run_.consumed[0].append(self.run_.consumed[1].pop())
        self.assert_fails("LOST")

    def test_unacknowledged_record_may_be_there_once(self):
        self.run_.acks.pop()
        self.assertEqual(self.run_.verdict(), 0)
        self.assert_fails("not acknowledged", "--all-acked")

    def test_unacknowledged_record_may_be_absent(self):
        self.run_.acks.pop()
        self.run_.consumed[1].pop()
        self.assertEqual(self.run_.verdict(), 0)

    def test_unacknowledged_record_may_not_be_there_twice(self):
        self.run_.acks.pop()
        self.run_.consumed[1].append(self.run_.consumed[1][-1])
        self.assert_fails("TWICE")

    def test_equal_lines_are_told_apart_by_their_places(self):
        self.run_.source[6] = self.run_.source[2] = (b"k2", b"same")
        self.run_.consumed[0][3] = self.run_.consumed[0][1] = (b"k2", b"same")
        self.assertEqual(self.run_.verdict("--all-acked"), 0)
        self.run_.consumed[0].append((b"k2", b"same"))
        self.assert_fails("TWICE")

    def test_one_offset_given_to_two_lines_fails(self):
        self.run_.source.append(self.run_.source[0])
        self.run_.acks.append((0, 0, 41))
        self.assert_fails("were both told")

    def test_line_acknowledged_twice_fails(self):
        self.run_.consumed[0].append(self.run_.source[0])
        self.run_.acks.append((0, 20, 1))
        self.assert_fails("acknowledged twice")

    def test_key_out_of_order_fails(self):
        # Lines 1 and 5 have one key; the log honestly holds them the wrong way round.
        records = self.run_.consumed[0]
        records[0], records[2] = records[2], records[0]
        acks = self.run_.acks
        acks[0], acks[4] = (0, 2, 1), (0, 0, 5)
        self.assert_fails("comes after")

    def test_key_in_two_partitions_fails(self):
        self.run_.source.append((b"k0", b"stray"))
        self.run_.consumed[1].append((b"k0", b"stray"))
        self.run_.acks.append((1, 20, 41))
        self.assert_fails("is in partitions")

    def test_no_acknowledgement_after_the_fault_fails(self):
        self.assert_fails("no acknowledgement came after", "--acks-before", "40")

    def test_no_acknowledgement_before_the_fault_fails(self):
        self.assert_fails("no acknowledgement came before", "--acks-before", "0")

    def test_silent_watched_partition_fails(self):
        self.assert_fails("in the watched partition", "--acks-before", "20", "--watched", "7")

    def test_run_without_acknowledgements_proves_nothing(self):
        self.run_.acks = []
        self.assert_fails("nothing was acknowledged")

    def test_unreadable_input_is_told_apart_from_a_failed_run(self):
        self.run_.acks.append((0, 20, 99))
        self.assertEqual(self.run_.verdict(), 2)


if __name__ == "__main__":
    unittest.main()
