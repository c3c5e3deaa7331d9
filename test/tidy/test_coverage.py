#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""coverage.py counts what ran, misses no room, and leaves nothing beside what it reads."""
import contextlib
import io
import subprocess
import tempfile
import unittest
from pathlib import Path

import coverage

# Four lines that count, of which a run without arguments reaches three; the assert is none of them.
CODE = """#include "gossip/base/twice.h"
#define WEFT_ASSERT(expr) ((expr) ? 0 : 1)
int main(int argc, char **argv)
{
	(void)argv;
	(void)WEFT_ASSERT(argc == 1);
	if (argc > 1)
		return twice(2);
	return twice(0);
}
"""


class Coverage(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.root = Path(place.name).resolve()
        self.build = self.root / "build-coverage"
        for room in ("cli", "gossip/base", "gossip/seal", "test/gossip"):
            (self.root / room).mkdir(parents=True)
        (self.root / "gossip/base/twice.h").write_text(
            "static inline int twice(int x)\n{\n\treturn 2 * x;\n}\n")
        (self.root / "gossip/seal/key.c").write_text("int key;\n")  # no test has it
        (self.root / "test/gossip/test_key.c").write_text("int test;\n")
        (self.root / "cli/main.c").write_text(CODE)
        (self.build / "cli").mkdir(parents=True)
        subprocess.run(["gcc", "-O0", "--coverage", f"-ffile-prefix-map={self.root}/=",
                        f"-I{self.root}", "-c", self.root / "cli/main.c", "-o", "cli/main.o"],
                       check=True, cwd=self.build)
        subprocess.run(["gcc", "--coverage", "cli/main.o", "-o", "main"], check=True, cwd=self.build)
        subprocess.run([self.build / "main"], check=True)

    def test_lines_that_ran_are_counted_by_source(self):
        found = coverage.sources_of(self.root, self.build)
        self.assertEqual(found["cli/main.c"].sums()[:2], (3, 4))
        self.assertEqual(found["gossip/base/twice.h"].sums(), (2, 2, 0, 0))

    def test_each_folder_with_sources_of_the_house_is_a_room(self):
        self.assertEqual(coverage.rooms_of(self.root), ["cli", "gossip/base", "gossip/seal"])
        here = Path(__file__).resolve().parents[2]
        for room in ("gossip/seal", "gossip/admission", "daemon/api", "daemon/diag", "overlay",
                     "overlay/linux", "store", "ipamdb", "packaging/pages"):
            self.assertIn(room, coverage.rooms_of(here))

    def test_a_room_below_the_bound_or_without_counts_fails(self):
        before = sorted(path for path in self.root.rglob("*"))
        said, blamed = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(blamed):
            self.assertEqual(coverage.main(self.root, self.build), 1)
        self.assertRegex(said.getvalue(), r"(?m)^cli  +4  +75.0%")
        self.assertRegex(said.getvalue(), r"(?m)^gossip/base  +2  +100.0%")
        self.assertIn("lines: cli, gossip/seal", blamed.getvalue())
        self.assertEqual(sorted(path for path in self.root.rglob("*")), before)


if __name__ == "__main__":
    unittest.main()
