# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""TAB in a shell that a person types into: words and files are taken in, and nothing is run."""
import os
import pty
import re
import select
import time

import pytest
from hosts import BUILD, run

MADE = BUILD / "packaging/completion"
# Names that a stranger may have left in the folder where root types.
HOSTILE = ("$(touch ran)", "`touch ran`", "r;touch ran", "it's")
# What is typed before TAB, and what the line is then.
TYPED = {
    "weft netw": "weft network ",
    "weft network cr": "weft network create ",
    "weft network create red --mul": "weft network create red --multicast ",
    "weft backup pl": "weft backup plain.key ",
    "weft backup fol": "weft backup folder/",
    "weft backup folder/o": "weft backup folder/one ",
    "weft backup a": "weft backup a\\ b ",
    "weft backup \\$": "weft backup \\$\\(touch\\ ran\\) ",
    "weft backup r": "weft backup r\\;touch\\ ran ",
    "weft backup it": "weft backup it\\'s ",
    "weft join @pl": "weft join @plain.key ",
    "weft join @fol": "weft join @folder/",
    "weft join @folder/o": "weft join @folder/one ",
    "weft join @a": "weft join @a\\ b ",
    "weft join @r": "weft join @r\\;touch\\ ran ",
    "weft network inspect ": "weft network inspect \\$\\(touch\\ ran\\) ",
}
# How each shell is started, and told to complete weft and to print its line at Ctrl-X l.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], f""". {MADE}/weft.bash
        bind -x '"\\C-xl": echo "<<$READLINE_LINE>>"'
        """),
    "zsh": (["zsh", "-f", "-i"], f"""fpath=({MADE} $fpath); autoload -U compinit; compinit -D
        show() {{ print -r -- "<<$BUFFER>>" }}; zle -N show; bindkey '^Xl' show
        """),
}


class Shell:
    """A shell at a terminal."""

    def __init__(self, name, folder):
        args, setup = SHELLS[name]
        # A window this wide never wraps a line.
        env = {"PATH": f"{folder}/.bin:{os.environ['PATH']}", "TERM": "dumb", "COLUMNS": "500",
               "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(args[0], args, env)
        self.send("PS1='> '\n" + setup + "printf 'set %s\\n' up\n")
        self.until(rb"set up\r?\n.*> ")

    def send(self, text):
        os.write(self.terminal, text.encode())

    def until(self, pattern):
        seen, deadline = b"", time.monotonic() + 20
        while not (found := re.search(pattern, seen, re.DOTALL)):
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.terminal], [], [], left)[0], seen
            seen += os.read(self.terminal, 65536)
        return found

    def completed(self, line):
        """What a line is after TAB; the line is empty again afterwards."""
        self.send(line + "\t\x18l")
        found = self.until(rb"<<(.*?)>>").group(1).decode()
        self.send("\x15")
        return found

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.fixture
def folder(tmp_path):
    for name in (*HOSTILE, "a b", "plain.key"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/one").touch()
    # A daemon that knows one network, by a name that none of ours would let pass.
    (tmp_path / ".bin").mkdir()
    weft = tmp_path / ".bin/weft"
    weft.write_text("""#!/bin/sh\necho '    "name": "$(touch ran)",'\n""")
    weft.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", SHELLS)
def test_tab_takes_in_words_and_files_and_runs_nothing(name, folder):
    shell = Shell(name, folder)
    try:
        for line in ("weft backup ", "weft join ", "weft join @"):
            # Several fit, and are listed at most.
            assert shell.completed(line) == line
        for line, right in TYPED.items():
            assert shell.completed(line) == right, line
    finally:
        shell.close()
    assert not (folder / "ran").exists()


def test_tab_in_bash_finds_a_file_between_quotes(folder):
    shell = Shell("bash", folder)
    try:
        assert shell.completed('weft backup "a') == 'weft backup "a b" '
        assert shell.completed("weft backup '$") == "weft backup '$(touch ran)' "
    finally:
        shell.close()
    assert not (folder / "ran").exists()


def test_fish_offers_files_as_they_are(folder):
    files = {*HOSTILE, "a b", "plain.key", "folder/"}
    script = f"source {MADE}/weft.fish\n" + "".join(
        f"complete --do-complete '{line}'; echo %%%%\n"
        for line in ("weft backup ", "weft join @", 'weft backup "a ', "weft join @folder/",
                     "weft join "))
    done = run("fish", "--no-config", "-c", script, cwd=folder)
    answers = [set(answer.splitlines()) for answer in done.stdout.split("%%%%\n")[:-1]]
    assert answers == [files, {f"@{name}" for name in files}, {"a b"}, {"@folder/one"}, {"-", "@"}]
    assert done.stderr == "" and not (folder / "ran").exists()
