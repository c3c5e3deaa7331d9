#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Each rule of tidy.py sees its fault, and only that, in a tree that is clean otherwise."""
import subprocess
import tempfile
import unittest
from pathlib import Path

import tidy

LICENCE = "/* SPDX-License-Identifier: Apache-2.0\n * Copyright The weft authors */\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.root = Path(self.dir.name).resolve()
        self.write("gossip/base/err.h", "#pragma once\n")
        self.write("gossip/gossip.h", '#pragma once\n#include "base/err.h"\n')
        self.write("store/store.h", '#pragma once\n#include "gossip/base/err.h"\n')
        self.write("store/store.c", '#include "store.h"\n#include <sqlite3.h>\n')
        self.write("daemon/main.c", '#include "store/store.h"\n#include <uv.h>\n')

    def write(self, path, body, licence=LICENCE):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(licence + body)

    def faults(self):
        found = []
        tidy.check_sources(self.root, lambda path, line, what: found.append(f"{path}: {what}"))
        return found

    def assert_one_fault(self, *words):
        found = self.faults()
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_clean_tree_has_no_fault(self):
        self.assertEqual(self.faults(), [])

    def test_an_include_against_the_arrows_is_seen(self):
        self.write("gossip/core/core.c", '#include "store/store.h"\n')
        self.assert_one_fault("gossip/core/core.c", "gossip must not include store/store.h")

    def test_neighbours_do_not_include_each_other(self):
        self.write("overlay/plan.c", '#include "../store/store.h"\n')
        self.assert_one_fault("overlay must not include")

    def test_the_overlay_knows_only_the_base(self):
        self.write("overlay/plan.c", '#include "gossip/base/err.h"\n#include "gossip/gossip.h"\n')
        self.assert_one_fault("overlay must not include gossip/gossip.h")

    def test_the_cli_knows_only_the_base(self):
        self.write("cli/main.c", '#include "gossip/base/err.h"\n#include "gossip/gossip.h"\n')
        self.assert_one_fault("cli must not include gossip/gossip.h")

    def test_an_include_of_nothing_is_seen(self):
        self.write("cli/main.c", '#include "missing.h"\n')
        self.assert_one_fault("missing.h")

    def test_a_library_outside_its_wall_is_seen(self):
        self.write("daemon/keys.c", "#include <sodium.h>\n")
        self.assert_one_fault("daemon/keys.c", "<sodium.h> belongs to gossip/trust/crypto_sodium.c")

    def test_a_clock_in_the_core_is_seen(self):
        self.write("ipamdb/lease.c", "#include <time.h>\n")
        self.assert_one_fault("<time.h> in ipamdb")

    def test_a_long_file_is_seen(self):
        self.write("store/long.c", "int x;\n" * 499)
        self.assert_one_fault("501 lines, at most 500")

    def test_a_long_header_is_seen(self):
        for path, most in (("store/long.h", 120), ("gossip/base/long.h", 120),
                           ("gossip/swim/long.h", 150), ("test/sim/long.h", 150)):
            with self.subTest(path):
                self.write(path, "#pragma once\n" + "int x(void);\n" * (most - 3))
                self.assertEqual(self.faults(), [])
                self.write(path, "#pragma once\n" + "int x(void);\n" * (most - 2))
                self.assert_one_fault(f"{most + 1} lines, at most {most}")
                (self.root / path).unlink()

    def test_a_long_function_is_seen_and_a_long_table_is_not(self):
        self.write("store/f.c", "static const int t[] = {\n" + "\t1,\n" * 90 + "};\n"
                   "int f(void)\n{\n" + "\tstep();\n" * 71 + "}\n"
                   "int g(void)\n{\n" + "\tstep();\n" * 70 + "}\n")
        self.assert_one_fault("a function of 71 lines")

    def test_a_missing_licence_is_seen_in_every_kind_of_source(self):
        for path in ("store/a.c", "store/schema/0001_first.sql", "test/netns/x.py",
                     "packaging/demo.sh", "cli/CMakeLists.txt", "packaging/systemd/a.service.in",
                     "packaging/debian/rules", "packaging/debian/weft.postinst", "CMakeLists.txt",
                     "Makefile", ".ci/run", ".clang-format", "README.md"):
            with self.subTest(path):
                self.write(path, "", licence="")
                self.assert_one_fault(path, "no SPDX")
                (self.root / path).unlink()

    def test_what_can_carry_no_comment_needs_no_licence_line(self):
        for path in ("packaging/debian/control", "test/fuzz/corpus/yaml/empty"):
            self.write(path, "", licence="")
        self.assertEqual(self.faults(), [])

    def test_a_missing_copyright_is_seen(self):
        self.write("store/a.c", "", licence="/* SPDX-License-Identifier: Apache-2.0 */\n")
        self.assert_one_fault("no Copyright")

    def test_banned_calls_are_seen_in_code_only(self):
        self.write("store/a.c", '/* strcpy(a, b) is not used */\nconst char *s = "sprintf(";\n'
                   "void f(void)\n{\n\tmy_strcpy(a, b);\n\tsnprintf(a, 1, s);\n}\n")
        self.assertEqual(self.faults(), [])
        for call in ("strcpy", "sprintf", "atoi", "rand", "msgpack_unpack_next"):
            with self.subTest(call):
                self.write("store/a.c", f"int f(void)\n{{\n\treturn {call} (x);\n}}\n")
                self.assert_one_fault(f"{call} is banned")

    def test_leftovers_are_seen(self):
        self.write("store/a.c", "/* FIXME: later */\n" 'const char *t = "/run/weft.XXXXXX";\n')
        self.assert_one_fault("FIXME")

    def test_a_header_without_guard_is_seen(self):
        self.write("store/a.h", "int f(void);\n")
        self.assert_one_fault("#pragma once")

    def test_a_page_that_names_a_missing_file_is_seen(self):
        self.write("HOUSE.md", "see `store/store.c`, [it](gossip/gossip.h), `store/schema/`\n"
                   "and (store/x.c aside) `cli/gone.c`\n", licence="")
        (self.root / "store/schema").mkdir()
        found = []
        tidy.check_pages(self.root, lambda path, line, what: found.append((path, line, what)))
        self.assertEqual(found, [("HOUSE.md", 2, "cli/gone.c does not exist")])


class Archive(unittest.TestCase):
    def faults(self, code, archive="libweft-gossip.a", source="core.c", flags=()):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / source).write_text(code)
            subprocess.run(["cc", "-fPIC", "-w", *flags, "-c", source, "-o", source + ".o"],
                           cwd=folder, check=True)
            subprocess.run(["ar", "rcs", archive, source + ".o"], cwd=folder, check=True)
            found = []
            tidy.check_archive(str(folder / archive),
                               lambda path, line, what: found.append(f"{path}: {what}"))
            return found

    def test_a_pure_object_is_clean(self):
        code = ('#include <string.h>\nstatic const int a; static const int *const at[] = {&a};\n'
                "static const char *const names[] = {\"x\"};\n"
                "const char *f(int i) { return names[i] + strlen(names[0]) + *at[i]; }\n")
        self.assertEqual(self.faults(code), [])

    def test_the_allocator_is_seen(self):
        found = self.faults("#include <stdlib.h>\nvoid *f(void) { return malloc(3); }\n")
        self.assertEqual(len(found), 1, found)
        self.assertIn("libweft-gossip.a(core.c.o): calls malloc", found[0])

    def test_a_fortified_call_is_seen_behind_its_name(self):
        code = "#include <stdio.h>\nvoid f(int i) { printf(\"%d\", i); }\n"
        found = self.faults(code, flags=("-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"))
        self.assertEqual(len(found), 1, found)
        self.assertIn("calls printf", found[0])

    def test_the_clock_and_the_network_are_seen(self):
        code = ("#include <time.h>\n#include <sys/socket.h>\nlong f(void) { struct timespec t;"
                " clock_gettime(0, &t); return socket(1, 2, 0) + t.tv_sec; }\n")
        self.assertEqual(len(self.faults(code)), 2)

    def test_an_exception_holds_for_its_file_and_archive_only(self):
        code = "#include <stdlib.h>\nvoid f(void) { abort(); }\n"
        self.assertEqual(self.faults(code, source="check.c"), [])
        self.assertEqual(len(self.faults(code, source="heap.c")), 1)
        self.assertEqual(self.faults(code, archive="libweft-store.a"), [])

    def test_mutable_globals_are_seen_everywhere(self):
        for code in ("int g;", "int g = 4;", "int f(void) { static int n; return ++n; }",
                     "const char *g = \"x\";"):
            with self.subTest(code):
                found = self.faults(code + "\n", archive="libweft-daemon.a")
                self.assertEqual(len(found), 1, found)
                self.assertIn("mutable global", found[0])


if __name__ == "__main__":
    unittest.main()
