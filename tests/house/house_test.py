"""House rules over the whole tree, and for each rule a file that breaks it: a rule that cannot fail is none."""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import house_rules  # noqa: E402

GOOD = "// A file.\n#pragma once\n"


class TreeTest(unittest.TestCase):
    def test_the_tree_keeps_every_rule(self):
        files = list(house_rules.house_files(ROOT))
        self.assertGreater(len(files), 30)
        findings = [finding for path, text in files for finding in house_rules.check_file(path, text)]
        self.assertEqual(findings, [], "\n" + "\n".join(findings))

    def test_long_files_on_the_list_are_still_long(self):
        for path in house_rules.LONG_FILES:
            self.assertGreater((ROOT / path).read_text().count("\n"), house_rules.MAX_LINES, path)


class RuleTest(unittest.TestCase):
    def broken(self, path, text, expected):
        findings = house_rules.check_file(path, text)
        self.assertTrue(any(expected in finding for finding in findings), f"{path}: {findings}")

    def kept(self, path, text):
        self.assertEqual(house_rules.check_file(path, text), [])

    def test_rooms(self):
        for path, header in (("raft/a.h", "storage/log_store.h"), ("base/a.h", "raft/types.h"),
                             ("storage/a.h", "server/broker.h"), ("server/grpc/a.h", "raft/raft.h"),
                             ("server/grpc/a.h", "storage/log_store.h"), ("server/broker.h", "raft/raft.h"),
                             ("server/partition/a.h", "server/grpc/router.h"),
                             ("server/http/a.h", "server/broker.h"),
                             ("server/metrics/a.h", "server/shard_host.h"),
                             ("server/metrics/a.h", "raft/raft.h"),
                             ("client/a.h", "server/broker.h"),
                             ("include/jangada/a.h", "base/check.h"),
                             ("server/a.h", "jangada/client.h")):
            self.broken(path, GOOD + f'#include "{header}"\n', f"may not include {header}")
        self.kept("server/grpc/a.h", GOOD + '#include "server/broker.h"\n')
        self.kept("client/a.h", GOOD + '#include "storage/record_batch.h"\n')
        self.kept("client/a.h", GOOD + '#include "jangada/client.h"\n')

    def test_walls(self):
        for path, header in (("server/a.h", "rocksdb/db.h"), ("storage/log_store.h", "rocksdb/db.h"),
                             ("server/partition/a.h", "grpcpp/grpcpp.h"), ("storage/a.h", "boost/asio.hpp"),
                             ("server/node.h", "google/protobuf/message.h"), ("base/a.h", "spdlog/spdlog.h"),
                             ("server/node.h", "yaml-cpp/yaml.h"),
                             ("server/kafka/a.h", "boost/beast/http.hpp"), ("server/metrics/a.h", "boost/asio.hpp"), ("server/partition/a.h", "zstd.h")):
            self.broken(path, GOOD + f"#include <{header}>\n", "behind the wall")
        self.kept("storage/rocks_log_store.h", GOOD + "#include <rocksdb/db.h>\n")

    def test_core(self):
        for header in house_rules.RAFT_BANNED_HEADERS:
            self.broken("raft/a.h", GOOD + f"#include <{header}>\n", "banned in the core")
        self.broken("raft/a.h", GOOD + "std::map<Progress*, int> m;\n", "pointer as key")
        self.kept("raft/a.h", GOOD + "std::map<NodeId, Progress*> m;\n")

    def test_public_headers_define_no_macros(self):
        self.broken("include/jangada/a.h", GOOD + "#define CHECK(x) x\n", "defines no macro")
        self.kept("base/check.h", GOOD + "#define CHECK(x) x\n")

    def test_bans(self):
        for path, line, instead in (
                ("server/partition/a.h", "std::mutex m;", "post to the shard"),
                ("storage/retention.h", "std::shared_mutex m;", "post to the shard"),
                ("base/a.h", "auto* a = new Thing();", "make_unique"),
                ("base/a.h", "delete thing;", "unique_ptr"),
                ("server/a.h", "std::this_thread::sleep_for(1s);", "Executor::After"),
                ("server/a.h", "printf(text);", "spdlog"),
                ("storage/a.h", "std::cerr << 1;", "spdlog"),
                ("tests/a.h", "using namespace std;", "using declarations"),
                ("raft/a.h", "assert(x);", "CHECK"),
                ("client/a.h", "throw Oops();", "Result"),
                ("raft/a.h", "std::mt19937 r;", "base/random.h"),
                ("server/controller/a.h", "std::chrono::steady_clock::now();", "NowUs"),
                ("server/partition/a.h", "co_await x;", "done callback"),
                ("server/a.h", "const_cast<int&>(x);", "honest")):
            self.broken(path, GOOD + line + "\n", instead)

    def test_bans_do_not_concern_comments_strings_and_kin(self):
        for line in ("// a new Thing, printf(", 'auto s = "throw std::mutex";', "A(const A&) = delete;",
                     "static_assert(x);", "std::snprintf(b, 1, f);", "/* delete this */",
                     "std::unique_ptr<Thing> thing(new Thing(1));"):
            self.kept("server/partition/a.h", GOOD + line + "\n")
        self.kept("storage/log_writer.h", GOOD + "std::mutex m;\n")

    def test_length(self):
        self.broken("base/a.h", GOOD + "\n" * 500, "split it")

    def test_opening(self):
        self.broken("base/a.cc", "#include <map>\n", "must open with a comment")
        self.broken("base/a.h", '#include "base/a.h"\n', "must open with a comment")
        self.kept("base/a.cc", '#include "base/a.h"\n')
        self.broken("scripts/a.sh", "#!/usr/bin/env bash\nset -euo pipefail\n", "must open with a comment")
        self.broken("tests/a.py", "import os\n", "must open with a comment")
        self.broken("proto/a.proto", 'syntax = "proto3";\n', "must open with a comment")

    def test_pragma_once(self):
        self.broken("base/a.h", "// A file.\n", "pragma once")

    def test_strict_scripts(self):
        self.broken("scripts/a.sh", "#!/usr/bin/env bash\n# A script.\n", "pipefail")
        self.broken(".ci/run", "#!/usr/bin/env bash\n# A script.\n", "pipefail")

    def test_machine_paths(self):
        self.broken("README.md", "see /home/someone/jangada\n", "one machine")
        self.kept("README.md", "see https://example.com/home/page\n")

    def test_unfinished(self):
        self.broken("base/a.h", GOOD + "// TODO: later\n", "open an issue")


if __name__ == "__main__":
    unittest.main()
