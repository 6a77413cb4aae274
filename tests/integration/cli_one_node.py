"""The command line against one node: every command that needs no second one, mistakes and terminals. Part of cli_test.py."""

import json
import os
import signal
import subprocess
import tempfile
import time

import cli_harness
from cli_harness import SHAPES, Cli, CliTest
from harness import BIN


class OneNodeTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.cluster = cls.enterClassContext(cli_harness.make_cluster(cls.folder.name, 1))
        cls.cli = Cli(cls.cluster.addresses())

    # ---- topics ----

    def test_topic_create_list_describe_delete(self):
        self.assertIn("created topic one", self.table("topic create", "one", "--config", "retention.ms=1000"))
        made = self.json("topic create", "two", "--partitions", "2")[0]
        self.assertTrue(made["created"])
        table, listed = self.both("topic list")
        self.assertRegex(table, r"TOPIC +PARTITIONS +REPLICAS +ID\n")
        self.assertEqual({"topic": "two", "id": made["id"], "partitions": 2, "replicas": 1},
                         next(topic for topic in listed["topics"] if topic["topic"] == "two"))
        table, described = self.both("topic describe", "one")
        self.assertIn("config      retention.ms=1000\n", table)
        self.assertRegex(table, r"\n0 +1 +\d+ +1 +1 +1 +0 +0 +serving +-\n")
        self.assertEqual(described["configs"], {"retention.ms": "1000"})
        self.assertEqual(described["partitions"][0]["state"], "serving")
        self.assertIn("deleted topic one", self.table("topic delete", "one"))
        self.json("topic delete", "two")
        self.assertNotIn("two", self.table("topic list"))

    def test_topic_create_may_be_tried_out(self):
        self.assertFalse(self.json("topic create", "dry", "--dry-run")[0]["created"])
        self.assertIn("nothing was done", self.table("topic create", "dry", "--dry-run"))
        self.refused(3, "there is no topic 'dry'", "topic", "describe", "dry")

    def test_topic_alter_settings_and_partitions(self):
        name = self.topic()
        self.assertIn("altered topic", self.table("topic alter", name, "--set", "retention.ms=5", "--partitions", "3"))
        altered = self.json("topic alter", name, "--reset", "retention.ms", "--set", "retention.bytes=9")[0]
        self.assertEqual(altered, {"topic": name, "set": {"retention.bytes": "9"}, "reset": ["retention.ms"],
                                   "partitions": None})
        described = self.json("topic describe", name)[0]
        self.assertEqual(described["configs"], {"retention.bytes": "9"})
        self.assertEqual(len(described["partitions"]), 3)
        self.refused(2, "nothing to alter", "topic", "alter", name)
        self.refused(2, "the new number must be greater", "topic", "alter", name, "--partitions", "2")
        self.refused(2, "retention.ms", "topic", "alter", name, "--set", "retention.m=5")

    def test_topic_trim_by_offset_time_and_end(self):
        name = self.topic(records=10)
        trimmed = self.json("topic trim", name, "--partition", "0", "--before", "4")[0]
        self.assertEqual(trimmed["partitions"], [{"partition": 0, "start": 4}])
        self.assertEqual(self.table("consume", name, "--count", "1"), "record 4\n")
        self.assertRegex(self.table("topic trim", name, "--before", "end"), r"PARTITION  START\n0 +10\n")
        self.json("topic trim", name, "--before", "2000-01-01T00:00:00Z")
        self.refused(5, "11", "topic", "trim", name, "--partition", "0", "--before", "11")
        self.refused(2, "no place in a topic", "topic", "trim", name, "--before", "noon")
        self.refused(2, "needs --before", "topic", "trim", name)

    # ---- consumer groups ----

    def test_groups_are_listed_described_set_back_and_deleted(self):
        name = self.topic(partitions=1, records=10)
        self.assertRegex(self.table("group reset-offsets", "readers", name, "--to", "-3", "--dry-run"),
                         rf"TOPIC +PARTITION +OFFSET\n{name} +0 +7\n")
        self.refused(3, 'no consumer group "readers"', "group", "describe", "readers")
        reset = self.json("group reset-offsets", "readers", name, "--to", "beginning")[0]
        self.assertEqual(reset, {"group": "readers", "changed": True,
                                 "partitions": [{"topic": name, "partition": 0, "offset": 0}]})
        self.table("group reset-offsets", "readers", name, "--partition", "0", "--to", "4")
        table, described = self.both("group describe", "readers")
        self.assertRegex(table, rf"TOPIC +PARTITION +COMMITTED +END +LAG +LAG-SECONDS +MEMBER\n{name} +0 +4 +10 +6 +\d+\.\d +-\n")
        self.assertEqual((described["state"], described["door"], described["lag_records"]), ("empty", None, 6))
        self.assertEqual(described["partitions"][0]["committed"], 4)
        self.assertGreater(described["lag_seconds"], 0)
        self.assertIn("MEMBER", self.table("group describe", "readers", "--members"))
        table, listed = self.both("group list")
        self.assertRegex(table, r"GROUP +STATE +DOOR +COORDINATOR\n(.*\n)*readers +empty +- +1\n")
        self.assertIn({"group": "readers", "state": "empty", "door": None, "coordinator": 1}, listed["groups"])
        self.table("group reset-offsets", "readers", name, "--to", "2000-01-01T00:00:00Z")
        self.assertEqual(self.json("group describe", "readers")[0]["lag_records"], 10)
        self.json("group reset-offsets", "readers", name, "--to", "end")
        self.assertEqual(self.json("group describe", "readers")[0]["lag_seconds"], 0)
        self.refused(5, "holds the offsets 0 to 10, not 11", "group", "reset-offsets", "readers", name, "--to", "11")
        self.refused(2, "no place in a topic", "group", "reset-offsets", "readers", name, "--to", "noon")
        self.refused(3, "there is no topic 'nowhere'", "group", "reset-offsets", "readers", "nowhere", "--to", "end")
        self.assertIn("deleted group readers", self.table("group delete", "readers"))
        self.refused(3, 'no consumer group "readers"', "group", "delete", "readers")
        self.table("group reset-offsets", "again", name, "--to", "end")
        self.assertEqual(self.json("group delete", "again")[0], {"group": "again", "deleted": True})

    # ---- records ----

    def test_produce_says_what_was_acknowledged(self):
        name = self.topic(partitions=2)
        self.assertEqual(self.table("produce", name, data="a\nb\n"), f"produced 2 records to {name}\n")
        produced = self.json("produce", name, "--value", "c")[0]
        self.assertEqual((produced["sent"], produced["acknowledged"]), (1, 1))
        lines = self.json("produce", name, "--print-offsets", "--partition", "1", "--value", "x", "--value", "y")
        self.assertEqual([line["line"] for line in lines], [1, 2])
        self.assertEqual({line["partition"] for line in lines}, {1})
        printed = self.table("produce", name, "--print-offsets", "--partition", "0", data="z\n")
        self.assertRegex(printed, r"^0 \d+ 1\n$")

    def test_produce_to_an_unknown_topic_fails_also_without_records(self):
        error = self.refused(3, "there is no topic 'nowhere'", "produce", "nowhere", data="")
        self.assertEqual(error["code"], "UNKNOWN_TOPIC")

    def test_produce_excludes_what_contradicts_itself(self):
        name = self.topic()
        self.refused(2, "exclude each other", "produce", name, "--key", "k", "--key-field", "1")
        self.refused(2, "exclude each other", "produce", name, "file", "--value", "v")
        self.refused(3, "can't be opened", "produce", name, "/nonexistent/file")
        self.refused(2, "did you mean 'zstd'?", "produce", name, "--compression", "zsdt")
        self.refused(3, "2 is none of them", "produce", name, "--partition", "2", "--value", "v")

    def test_consume_prints_records_as_lines_and_as_json(self):
        name = self.topic()
        self.table("produce", name, "--key", "k", "--header", "h=1", "--value", "väl", "--value", "2")
        self.table("produce", name, "--null-values", "--value", "")
        self.assertEqual(self.table("consume", name, "--format", r"%p:%o %k=%v %h\n"),
                         "0:0 k=väl h=1\n0:1 k=2 h=1\n0:2 = \n")
        first, _, tombstone = self.json("consume", name)
        self.assertEqual((first["key"], first["value"], first["headers"]), ("k", "väl", [{"name": "h", "value": "1"}]))
        self.assertIsNone(tombstone["value"])

    def test_consume_shows_other_bytes_as_base64(self):
        name = self.topic()
        process = self.cli.start("produce", name, stdin=subprocess.PIPE)
        process.communicate(b"\xff\xfe\n", timeout=60)
        self.assertEqual(process.returncode, 0)
        (record,) = self.json("consume", name)
        self.assertEqual(record["value_base64"], "//4=")
        self.assertNotIn("value", record)

    def test_consume_from_and_until_places(self):
        name = self.topic(records=10)
        for words, expected in ((("--from", "7"), "789"), (("--from", "-2"), "89"), (("--from=-2",), "89"),
                                (("--until", "3"), "012"), (("--from", "3", "--until", "-5"), "34"),
                                (("--from", "end"), ""), (("--from", "2000-01-01T00:00:00Z", "--count", "1"), "0"),
                                (("--until", "2000-01-01T00:00:00Z"), "")):
            lines = self.table("consume", name, *words).splitlines()
            self.assertEqual("".join(line[-1] for line in lines), expected, words)
        self.refused(5, "holds offsets 0 to 10", "consume", name, "--from", "11")
        self.refused(2, "excludes", "consume", name, "--until", "3", "--follow")
        self.refused(2, "means nothing in a format", "consume", name, "--format", "%q")
        self.refused(2, "no place in a topic; use beginning", "consume", name, "--from", "begining")

    def test_consume_waits_for_a_count_and_says_how_many_came(self):
        name = self.topic(records=2)
        self.refused(4, "only 2 of 5 records came within 1s", "consume", name, "--count", "5", "--timeout", "1")

    def test_offsets_of_both_ends_and_of_times(self):
        name = self.topic(partitions=2)
        before = int(time.time() * 1000)
        self.table("produce", name, "--partition", "1", data="a\nb\nc\n")
        table, ends = self.both("offsets", name)
        self.assertRegex(table, r"PARTITION +EARLIEST +LATEST +RECORDS\n0 +0 +0 +0\n1 +0 +3 +3\n")
        self.assertEqual(ends["partitions"][1], {"partition": 1, "earliest": 0, "latest": 3, "records": 3})
        at = self.json("offsets", name, "--partition", "1", "--at", f"@{before}")[0]["partitions"][0]
        self.assertEqual(at["offset"], 0)
        self.assertGreaterEqual(at["timestamp_ms"], before)
        empty = self.json("offsets", name, "--partition", "0", "--at", "max-timestamp")[0]["partitions"][0]
        self.assertEqual(empty, {"partition": 0, "offset": None, "timestamp_ms": None})
        self.assertRegex(self.table("offsets", name, "--at", "max-timestamp"), r"\n1 +\d +20\d\d-.*Z\n")
        self.assertEqual(self.json("offsets", name, "--at", "latest")[0]["partitions"][1]["offset"], 3)
        self.refused(2, "no point in a topic", "offsets", name, "--at", "yesterday")
        self.refused(3, "counted from 0; 7 is none of them", "offsets", name, "--partition", "7")

    # ---- bench ----

    def test_bench_produce_and_consume(self):
        name = self.topic(partitions=2)
        report = self.json("bench produce", name, "--records", "5000", "--record-bytes", "100")[0]
        self.assertEqual((report["records"], report["failed"], report["bytes"]), (5000, 0, 500_000))
        self.assertGreater(report["requests"], 0)
        self.assertLess(report["requests"], 5000, "records are batched")
        self.assertGreaterEqual(report["latency_us"]["max"], report["latency_us"]["p50"])
        read = self.json("bench consume", name)[0]
        self.assertEqual((read["records"], read["bytes"]), (5000, 500_000))
        self.assertIn("records/s", self.table("bench consume", name, "--consumers", "2"))
        one = self.json("bench produce", name, "--records", "50", "--one-per-request", "--producers", "2")[0]
        self.assertEqual((one["records"], one["requests"]), (50, 50))

    def test_bench_keeps_its_pace_and_measures_from_when_a_record_was_due(self):
        started = time.monotonic()
        report = self.json("bench produce", "--rate", "200", "--duration", "2s", "--warmup", "500ms")[0]
        self.assertGreater(time.monotonic() - started, 2.5)
        self.assertEqual(report["settings"]["loop"], "open")
        self.assertAlmostEqual(report["records"], 400, delta=4)
        self.assertNotIn("bench-", self.table("topic list"), "its topic is deleted")

    def test_bench_follows_a_producer_from_end_to_end(self):
        name = self.topic()
        consumer = self.cli.start("bench", "consume", name, "--follow", "--records", "100", "-o", "json")
        try:
            for _ in range(100):  # the consumer starts somewhere in the stream
                self.table("bench produce", name, "--records", "100", "--rate", "2000")
                if consumer.poll() is not None:
                    break
            out, err = consumer.communicate(timeout=60)
        finally:
            consumer.kill()
        self.assertEqual(consumer.returncode, 0, err)
        report = json.loads(out)
        self.assertGreaterEqual(report["records"], 100)
        self.assertGreater(report["latency_us"]["p50"], 0)

    def test_bench_refuses_contradictions(self):
        self.refused(2, "exclude each other", "bench", "produce", "--records", "5", "--duration", "5s")
        self.refused(3, "there is no topic 'nowhere'", "bench", "produce", "nowhere")
        self.refused(2, "must be a number of bytes", "bench", "produce", "--record-bytes", "much")

    # ---- the rest of it ----

    def test_cluster_status_of_a_healthy_cluster(self):
        self.topic()
        table, status = self.both("cluster status")
        self.assertIn("without leader  0\n", table)
        self.assertRegex(table, r"\n1 +live +127\.0\.0\.1:\d+ +\d+ +\d+ +0 +[\d.]+ [GMT]iB +-\n")
        self.assertTrue(status["healthy"])
        self.assertEqual(status["troubled"], [])

    def test_cluster_nodes_and_leaders(self):
        name = self.topic()
        table, nodes = self.both("cluster nodes")
        self.assertRegex(table, r"NODE +STATE +RACK")
        self.assertTrue(nodes["nodes"][0]["live"])
        table, leaders = self.both("cluster leaders")
        self.assertRegex(table, rf"\n{name} +0 +1 +127")
        self.assertIn({"topic": name, "partition": 0, "leader": 1, "clients": self.cluster.address(1), "replicas": [1]},
                      leaders["partitions"])

    def test_cluster_config_shows_what_a_node_runs_with(self):
        table, config = self.both("cluster config", "--node", "1")
        self.assertRegex(table, r"^node  1\n\nOPTION +VALUE +DEFAULT +UNIT\n")
        values = {option["key"]: option["value"] for option in config["options"]}
        self.assertEqual(values["grpc.listen"], self.cluster.address(1))
        changed = self.json("cluster config", "--changed")[0]["options"]
        self.assertIn("grpc.listen", [option["key"] for option in changed])
        self.assertLess(len(changed), len(config["options"]))
        self.refused(3, "has no node 7", "cluster", "config", "--node", "7")

    def test_log_level_is_changed_while_the_node_runs(self):
        self.assertEqual(self.json("log-level", "debug")[0]["nodes"], [{"node": 1, "level": "debug", "before": "info"}])
        self.assertEqual(self.table("log-level"), "NODE  LEVEL  BEFORE\n1     debug  -\n")
        self.assertEqual(self.table("log-level", "info", "--node", "1"), "NODE  LEVEL  BEFORE\n1     info   debug\n")
        self.refused(2, "did you mean 'debug'?", "log-level", "dbug")
        self.refused(3, "has no node 7", "log-level", "--node", "7")

    def test_partition_list(self):
        name = self.topic(partitions=2)
        table, listed = self.both("partition list", name)
        self.assertEqual(len(table.splitlines()), 3)
        self.assertEqual([one["partition"] for one in listed["partitions"]], [0, 1])
        self.assertEqual(self.json("partition list", "--troubled")[0]["partitions"], [])

    def test_wait_returns_when_all_is_ready_and_says_what_is_missing(self):
        self.assertEqual(self.table("wait", "--ready"), "the cluster is ready\n")
        self.assertTrue(self.json("wait", "--caught-up")[0]["ready"])
        missing = self.json("wait", "--ready", "unmade", "--timeout", "1", code=4)[0]
        self.assertFalse(missing["ready"])
        self.assertIn("unmade", missing["missing"][0])
        self.refused(4, "not ready after 1s: ", "wait", "--ready", "unmade", "--timeout", "1")
        self.refused(2, "say what for", "wait")

    def test_profiles_choose_the_cluster(self):
        elsewhere = Cli()
        path = os.path.join(elsewhere.home.name, ".config", "jangada", "profile.yaml")
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as file:
            file.write(f"default: gone\nprofiles:\n  here:\n    bootstrap: [{self.cluster.address(1)}]\n"
                       "  gone:\n    bootstrap: [127.0.0.1:1]\n    timeout: 300ms\n")
        here, self.cli = self.cli, elsewhere
        try:
            self.assertEqual(self.json("profile show")[0]["profile"], "gone")
            self.assertIn("because    --profile\n", self.table("profile show", "--profile", "here"))
            table, listed = self.both("profile list")
            self.assertRegex(table, r"gone +yes +127\.0\.0\.1:1 +300ms\n")
            self.assertEqual(listed["profiles"][1]["profile"], "here")
            self.table("topic list", "--profile", "here")
            self.table("topic list", JANGADA_PROFILE="here")
            self.table("topic list", JANGADA_BOOTSTRAP=self.cluster.address(1))
            self.refused(4, "127.0.0.1:1", "topic", "list")
            self.refused(3, "did you mean 'here'?", "topic", "list", "--profile", "hree")
            with open(path, "a") as file:
                file.write("oops: 1\n")
            self.refused(2, f"{path}, line 8: 'oops' means nothing here", "topic", "list")
            self.table("topic list", "-b", self.cluster.address(1))
        finally:
            self.cli = here

    # ---- mistakes ----

    def test_each_exit_code_has_its_cause(self):
        name = self.topic()
        self.refused(2, "did you mean 'topic'?", "topci", "list")
        self.refused(2, "did you mean '--partitions'?", "topic", "create", "x", "--partitoins", "3")
        self.refused(2, "TOPIC is missing", "topic", "describe")
        self.refused(2, "topic name", "topic", "create", "a/b")
        self.refused(3, f"there is no topic '{name}x'; did you mean '{name}'?", "topic", "describe", name + "x")
        error = self.refused(5, "exist", "topic", "create", name)
        self.assertEqual(error["code"], "ALREADY_EXISTS")
        with open("/dev/full", "w") as full:
            done = subprocess.run(self.cli.words(["topic", "list"]), stdout=full, stderr=subprocess.PIPE,
                                  env=self.cli.environment, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, b"jangada: stdout can't be written to\n"))

    def test_an_unreachable_node_is_named_with_what_to_do(self):
        for bootstrap, code, text in (("127.0.0.1:1", 4, "can't be reached (Connection refused); start it, or name "
                                       "others with -b; asked: 127.0.0.1:1 (-b)"),
                                      ("nowhere", 2, "no address of a node")):
            ran = Cli(bootstrap).run("topic", "list", "--timeout", "500ms")
            self.assertEqual((ran.code, ran.out), (code, ""), ran)
            self.assertIn(text, ran.err)

    def test_an_interrupt_ends_with_130_and_says_how_far_it_came(self):
        name = self.topic(records=3)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.cli.start("consume", name, "--count", "5", "--timeout", "60")
            self.assertEqual(process.stdout.readline(), b"record 0\n")
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
            self.assertEqual(process.returncode, code)
            self.assertIn(b"stopped after 3 records", err)

    def test_follow_ends_by_an_interrupt_with_0(self):
        name = self.topic(records=1)
        process = self.cli.start("consume", name, "--follow")
        self.assertEqual(process.stdout.readline(), b"record 0\n")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)

    # ---- terminals ----

    def test_colours_only_on_a_terminal_that_wants_them(self):
        shown = self.cli.on_a_terminal("cluster", "nodes")
        self.assertIn("\x1b[32mlive\x1b[0m", shown.out)
        self.assertNotIn("\x1b[", self.cli.on_a_terminal("cluster", "nodes", NO_COLOR="1").out)
        self.assertNotIn("\x1b[", self.cli.on_a_terminal("cluster", "nodes", TERM="dumb").out)
        self.assertNotIn("\x1b[", self.cli.on_a_terminal("cluster", "nodes", "-o", "json").out)

    def test_long_work_shows_progress_on_a_terminal(self):
        shown = self.cli.on_a_terminal("bench", "produce", "--duration", "1s")
        self.assertRegex(shown.out, r"\r\d\.\d s: [\d,]+ records")
        self.assertEqual(shown.code, 0, shown)

    def test_destroying_asks_on_a_terminal(self):
        name = self.topic()
        kept = self.cli.on_a_terminal("topic", "delete", name, typed=b"n\n")
        self.assertIn("for good? [y/N]", kept.out)
        self.assertEqual(kept.code, 5, kept)
        self.assertIn(name, self.table("topic list"))
        self.assertEqual(self.cli.on_a_terminal("topic", "delete", name, typed=b"y\n").code, 0)
        self.assertNotIn(name, self.table("topic list"))

    # ---- completion ----

    def complete(self, line):
        """What bash offers where the cursor stands behind `line`."""
        jangada = str(BIN / "jangada")
        script = (f'jangada() {{ "{jangada}" "$@"; }}; source <(jangada completion bash); COMP_WORDS=({line}); '
                  f'COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _jangada; printf "%s\\n" "${{COMPREPLY[@]}}"')
        ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True,
                             env=dict(self.cli.environment, JANGADA_BOOTSTRAP=self.cluster.address(1)))
        return ran.stdout.split()

    def test_the_script_comes_as_json_too(self):
        script, document = self.both("completion", "bash")
        self.assertEqual(document, {"shell": "bash", "script": script})

    def test_bash_completes_commands_options_words_and_names(self):
        name = self.topic()
        self.assertEqual(self.complete('jangada par'), ["partition"])
        self.assertIn("--compression", self.complete('jangada produce events --c'))
        self.assertEqual(self.complete('jangada topic list -o j'), ["json"])
        self.assertIn(name, self.complete(f"jangada topic describe {name[:1]}"))
        self.assertEqual(self.complete(f"jangada -b {self.cluster.address(1)} node remove ''"), ["1"])
        as_bash_cuts_it = self.cluster.address(1).replace(":", " : ")
        self.assertEqual(self.complete(f"jangada -b {as_bash_cuts_it} node remove ''"), ["1"])

    # ---- help ----

    def test_every_command_has_help_with_an_example(self):
        for path in SHAPES:
            ran = self.cli.run(*path.split(), "--help")
            self.assertEqual((ran.code, ran.err), (0, ""), ran)
            self.assertIn("\nExamples:\n", ran.out)
            self.assertIn("\nExit codes: 0 done, ", ran.out)

    def test_a_group_alone_shows_its_commands_as_a_mistake(self):
        for words in ((), ("topic",)):
            ran = self.cli.run(*words)
            self.assertEqual((ran.code, ran.out), (2, ""), ran)
            self.assertIn("\nCommands:\n", ran.err)
        self.assertRegex(self.cli.run("--version").out, r"^jangada \d+\.\d+\.\d+\n$")
