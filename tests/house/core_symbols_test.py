"""The core links base and std only, and calls no clock, thread, random device or I/O.

  core_symbols_test.py LIBRARY...    libjangada_raft.a and the libraries of ours that it may link

Reads with `nm` what the library defines and what it leaves to others: every symbol left must be defined by the
other libraries named, or be one of the harmless families below.
"""

import re
import subprocess
import sys
import unittest

# Of the C and C++ run time: memory, strings, containers, exceptions' plumbing, arithmetic.
HARMLESS = [
    r"operator (new|delete)(\[\])?\(.*\)",
    r"mem(cpy|move|set|cmp|chr)", r"str(len|cmp|ncmp)", r"__(memcpy|memmove|memset)_chk",
    r"__libc_single_threaded", r"abort", r"free", r"malloc", r"__stack_chk_fail", r"_GLOBAL_OFFSET_TABLE_", r"_Unwind_Resume",
    r"__cxa_\w+", r"__gxx_personality_v0", r"__dso_handle", r"__tls_get_addr", r"__(asan|ubsan|tsan)_\w+",
    r"(vtable|typeinfo|typeinfo name|guard variable|VTT|construction vtable) for .*",
    r"std::__throw_\w+\(.*\)",
    r"std::(__cxx11::)?basic_string<.*", r"std::(__cxx11::)?basic_(o|i)?stringstream<.*",
    r"std::(__cxx11::)?basic_stringbuf<.*", r"std::basic_(o|i|io)s(tream)?<.*", r"std::basic_ostream<.*",
    r"std::basic_(streambuf|ios)<.*", r"std::(ostream|ios_base|locale)(::|&).*", r"std::ios_base.*",
    r"std::basic_ostream.*std::(operator<<|__ostream_insert).*", r"std::ostream& std::.*",
    r"std::_Rb_tree_(increment|decrement|insert_and_rebalance|rebalance_for_erase)\(.*\)",
    r"std::__detail::_List_node_base::.*", r"std::terminate\(\)", r"std::exception::.*", r"std::bad_\w+::.*",
    r"std::(__cxx11::)?to_string\(.*", r"std::logic_error::.*", r"std::length_error::.*",
    r"std::__once_\w+", r"std::locale::.*",
]
HARMLESS = re.compile("|".join(f"(?:{pattern})" for pattern in HARMLESS))
LIBRARIES = []


def symbols(library, defined):
    """Demangled names that the library defines, or needs and does not define."""
    output = subprocess.run(["nm", "--demangle", library], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in output.splitlines():
        match = re.match(r"[0-9a-f ]{16} (\w) (.+)", line)
        if match and (match.group(1) != "U") == defined:
            found.add(match.group(2))
    return found


class CoreSymbolsTest(unittest.TestCase):
    def test_core_needs_nothing_but_base_and_the_harmless_part_of_std(self):
        core = LIBRARIES[0]
        needed = symbols(core, defined=False) - symbols(core, defined=True)
        self.assertTrue(needed)
        for library in LIBRARIES[1:]:
            needed -= symbols(library, defined=True)
        strange = sorted(symbol for symbol in needed if not HARMLESS.fullmatch(symbol))
        self.assertEqual(strange, [], "\n" + "\n".join(strange))

    def test_clocks_threads_random_devices_and_files_are_strange(self):
        for symbol in ("std::chrono::_V2::steady_clock::now()", "clock_gettime", "pthread_create",
                       "std::random_device::_M_getval()", "write", "fopen", "std::thread::join()", "rand",
                       "std::cout", "pthread_mutex_lock", "std::basic_ofstream<char>::open()"):
            self.assertIsNone(HARMLESS.fullmatch(symbol), symbol)


if __name__ == "__main__":
    LIBRARIES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
