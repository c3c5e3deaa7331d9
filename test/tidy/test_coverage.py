#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""coverage.py counts what ran, misses no folder, and leaves nothing beside what it reads."""
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
        for folder in coverage.FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "gossip/base/twice.h").write_text(
            "static inline int twice(int x)\n{\n\treturn 2 * x;\n}\n")
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

    def test_a_folder_below_the_bound_or_without_counts_fails(self):
        before = sorted(path for path in self.root.rglob("*"))
        said, blamed = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(blamed):
            self.assertEqual(coverage.main(self.root, self.build), 1)
        for folder in coverage.FOLDERS:
            self.assertRegex(said.getvalue(), rf"(?m)^{folder} ")
        self.assertIn("cli", blamed.getvalue())
        self.assertIn("daemon/netns", blamed.getvalue())
        self.assertNotIn("gossip/base", blamed.getvalue())
        self.assertEqual(sorted(path for path in self.root.rglob("*")), before)


if __name__ == "__main__":
    unittest.main()
