# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Every command and option that the pages for users name exists.

usage: test_docs.py WEFT WEFTD PAGE...
"""
import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path

WEFT, WEFTD, PAGES = sys.argv[1], sys.argv[2], [Path(page) for page in sys.argv[3:]]


def help_of(*words):
    return subprocess.run([WEFT, "help", *words], capture_output=True, text=True, check=False)


def commands():
    """The commands of weft as its own list has them: each a tuple of words."""
    found = set()
    for line in help_of().stdout.splitlines():
        if entry := re.match(r"  ([a-z]+(?: [a-z]+)*)(?: [A-Z\[-].*?)?  +", line):
            found.add(tuple(entry[1].split()))
    return found


def named_in(text):
    """What a page calls a command: code spans and lines of sh blocks that begin with weft."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [re.sub(r"^on \S+ ", "", line) for block in blocks for line in block.splitlines()]
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    return lines + [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose)]


class Docs(unittest.TestCase):
    def test_the_list_of_commands_is_read(self):
        self.assertIn(("node", "recover"), commands())
        self.assertIn(("attach",), commands())

    def test_every_command_on_a_page_exists_with_its_options(self):
        known = commands()
        for page in PAGES:
            lines = [line for line in named_in(page.read_text()) if line.startswith("weft ")]
            self.assertGreater(len(lines), 5, page)
            for line in lines:
                words = shlex.split(line, comments=True)[1:]
                if words[0] in ("help", "COMMAND"):
                    continue
                command = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in known), None)
                group = any(entry[0] == words[0] for entry in known) and len(words) == 1
                if group:
                    continue
                self.assertIsNotNone(command, f"{page.name}: {line}")
                options = help_of(*command).stdout
                for word in words:
                    if word.startswith("--"):
                        self.assertIn(word.partition("=")[0], options, f"{page.name}: {line}")

    def test_every_option_on_a_page_is_one_of_weft_or_weftd(self):
        helps = [help_of(*command).stdout for command in commands()]
        helps.append(subprocess.run([WEFTD, "--help"], capture_output=True, text=True,
                                    check=True).stdout)
        known = set(re.findall(r"--[a-z][a-z-]*", "\n".join(helps)))
        for page in PAGES:
            for line in named_in(page.read_text()):
                if line.startswith("--"):
                    self.assertIn(re.match(r"--[a-z-]*", line)[0], known, f"{page.name}: {line}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
