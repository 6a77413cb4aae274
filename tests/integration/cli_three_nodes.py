"""The command line against three nodes: what moves, who leads, who is down. Part of cli_test.py."""

import tempfile

import cli_harness
from cli_harness import NUMBERS, Cli, CliTest
from harness import wait_until


class ThreeNodesTest(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.cluster = cls.enterClassContext(cli_harness.make_cluster(cls.folder.name, 3))
        cls.cli = Cli(cls.cluster.addresses())

    def test_leaders_are_transferred_and_the_new_one_is_awaited(self):
        name = self.topic(replicas=3)
        self.table("wait", "--caught-up", name)
        for path in ("table", "json"):
            leader = self.json("cluster leaders")[0]["partitions"]
            leader = next(one["leader"] for one in leader if one["topic"] == name)
            to = leader % 3 + 1
            if path == "json":
                self.assertEqual(self.json("partition transfer-leader", name, "0", str(to))[0]["leader"], to)
            else:
                self.assertIn(f"node {to} leads partition 0",
                              self.table("partition transfer-leader", name, "0", str(to)))
        self.refused(2, "node 9 is no voter", "partition", "transfer-leader", name, "0", "9")

    def test_partitions_move_and_the_end_is_awaited(self):
        name = self.topic(replicas=1, records=100)
        home = self.json("topic describe", name)[0]["partitions"][0]["desired_replicas"][0]
        first, second = home % 3 + 1, (home + 1) % 3 + 1
        self.assertIn(f"is on nodes {first}\n", self.table("partition move", name, "0", "--replicas", str(first), "--wait"))
        moved = self.json("partition move", name, "0", "--replicas", str(second), "--wait")[0]
        self.assertTrue(moved["done"])
        state = self.json("partition list", name)[0]["partitions"][0]
        self.assertEqual((state["voters"], state["leader"]), ([second], second))
        self.assertEqual(len(self.table("consume", name).splitlines()), 100)
        self.refused(2, "name as many nodes", "partition", "move", name, "0", "--replicas", "1,2")

    def test_manual_placement_is_kept(self):
        name = f"t{next(NUMBERS)}"
        self.table("topic create", name, "--assignment", "3,1", "--assignment", "2,3")
        placed = [one["desired_replicas"] for one in self.json("partition list", name)[0]["partitions"]]
        self.assertEqual(placed, [[3, 1], [2, 3]])
        self.refused(2, "leave --partitions and --replicas out", "topic", "create", "x", "--assignment", "1",
                     "--partitions", "2")

    def test_nodes_are_admitted_and_removed(self):
        self.assertIn("node 8 is admitted", self.table("node add", "8"))
        self.assertEqual(self.json("node add", "9")[0], {"node": 9, "state": "admitted"})
        self.refused(4, "node 8 has not started yet", "wait", "--ready", "--timeout", "1")
        self.table("node remove", "8")
        self.assertEqual(self.json("node remove", "9")[0], {"node": 9, "state": "removing"})
        self.refused(5, "1", "node", "add", "1")
        self.refused(3, "7", "node", "remove", "7")
        self.table("wait", "--ready")

    def test_status_names_each_partition_in_trouble_and_why(self):
        short = self.topic(replicas=3)
        lone = f"t{next(NUMBERS)}"
        self.table("topic create", lone, "--assignment", "3")
        self.cluster.script("kill", "3")
        try:
            def in_trouble():
                status = self.json("cluster status")[0]
                found = {one["topic"]: one for one in status["troubled"]}
                return {short, lone} <= set(found) and found
            troubled = wait_until(in_trouble, 30, "both topics to be in trouble")
            self.assertEqual((troubled[short]["state"], troubled[lone]["state"]), ("short", "no-leader"))
            self.assertIn("node 3", troubled[short]["why"])
            self.assertIn("node 3", troubled[lone]["why"])
            table = self.table("cluster status")
            self.assertRegex(table, rf"\n{lone} +0 +3 +no-leader +.*node 3")
            self.assertRegex(table, rf"\n{short} +0 +[123,]+ +short +.*node 3")
            self.assertRegex(table, r"\n3 +DEAD")
            self.refused(4, "node 3", "wait", "--ready", "--timeout", "1")
            self.refused(4, "groups may be missing: 3", "group", "list")
            self.assertEqual(self.json("group list", code=4)[0]["unanswered"], [3])
        finally:
            self.cluster.script("restart", "3")
        self.table("wait", "--caught-up")
        self.assertEqual(self.json("cluster status")[0]["troubled"], [])

    def test_without_a_majority_status_still_tells_what_it_knows(self):
        self.cluster.script("kill", "2")
        self.cluster.script("kill", "3")
        try:
            def both_are_missed():
                ran = self.cli.run("cluster", "status", "--timeout", "3")
                return ran.code == 4 and ran.out.count(" DEAD ") == 2 and ran
            ran = wait_until(both_are_missed, 30, "node 1 to miss the controller and both other nodes")
            self.assertIn("controller      none\n", ran.out)
            self.assertIn("a majority must run", ran.err)
            self.assertIsNone(self.json("cluster status", "--timeout", "3", code=4)[0]["controller"])
        finally:
            self.cluster.script("start")
        self.table("wait", "--caught-up")
