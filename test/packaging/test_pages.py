# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Help, manual pages, completions and the installed files say the same, and parse."""
import os
import re

import pytest
from hosts import BUILD, Lab, ROOT, WEFT, WEFTD, run
from reference import page

MADE = BUILD / "packaging"
COMMON = {"--socket", "--json", "--help"}
PAGES = ("weft.1", "weftd.8", "weft.yaml.5", "weft-api.7")
# How each shell loads its file, and asks for what may stand behind words.
SHELLS = {
    "bash": (["bash", "-c"], f". {MADE}/completion/weft.bash", "_weft_candidates"),
    "zsh": (["zsh", "-f", "-c"], f". {MADE}/completion/_weft", "_weft_candidates"),
    "fish": (["fish", "--no-config", "-c"], f"source {MADE}/completion/weft.fish",
             "__weft_candidates"),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A daemon that knows one name of each kind."""
    world = Lab(tmp_path_factory.mktemp("pages"))
    try:
        made = world.cluster(1)[0]
        made.weft("network", "create", "blue", "--subnet", "10.64.9.0/24")
        made.attach("blue", made.box("c"), "--name", "web")
        yield made
    finally:
        world.close()


def commands():
    """Every command that weft help lists."""
    lines = run(WEFT, "help").stdout.splitlines()
    found = [match.group(1) for match in
             (re.match(r"  ([a-z]+(?: [a-z]+)*)(?=[ \[])", line) for line in lines) if match]
    assert len(found) > 30
    return found


def table(file, rows, more_than=30):
    """The rows of a table of the sources, each X(...), by a pattern; all of them fit it."""
    text = re.sub(r"\s*\\\n\s*", " ", (ROOT / file).read_text())
    found = re.findall(r" X\(" + rows, text)
    assert len(found) == len(re.findall(r" X\(\w+, \"", text)) > more_than
    return found


def errors():
    """(name, HTTP status, exit code, retryable) of every error code."""
    return table("gossip/base/err_rows.h", r'\w+, "(\w+)", (\d+), (\d), ([01]),')


def options(command):
    """The options that a command's --help explains."""
    text = run(WEFT, *command.split(), "--help").stdout
    return {match.group(1) for match in re.finditer(r"^  (--?[a-z-]+)", text, re.M)}


def ask(shell, questions, env=None):
    """What a shell would offer behind each of several lists of words."""
    start, load, ask_one = SHELLS[shell]
    script = [load]
    for words in questions:
        quoted = " ".join(f"'{word}'" for word in words)
        script += [f"{ask_one} {quoted}", "echo %%%%"]
    done = run(*start, "\n".join(script), env=dict(os.environ, **(env or {})), timeout=120)
    assert done.stderr == ""
    answers = done.stdout.split("%%%%\n")[:-1]
    assert len(answers) == len(questions)
    # What follows a tab is a description.
    return [{line.split("\t")[0] for line in answer.splitlines() if line} for answer in answers]


@pytest.mark.parametrize("name", PAGES)
def test_man_has_nothing_to_say_about_a_page(name):
    done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", MADE / "man" / name,
               env=dict(os.environ, LC_ALL="C.UTF-8", MAN_KEEP_STDERR="1"))
    assert done.stderr == ""


def test_the_page_has_every_command_with_its_options_and_no_others():
    text = page("weft.1")
    sections = {}
    for block in re.split(r"^   weft ", text[text.index("\nCOMMANDS"):text.index("\nEXIT STATUS")],
                          flags=re.M)[1:]:
        synopsis = block.split("\n", 1)[0]
        sections[re.match(r"[a-z]+(?: [a-z]+)*", synopsis).group()] = block
    assert sorted(sections) == sorted(commands())
    for command, block in sections.items():
        there = set(re.findall(r"^ {7}(--?[a-z-]+)(?= |$)", block, re.M))
        assert there == options(command) - COMMON, command
        assert f"usage: weft {block.splitlines()[0].strip()}" in \
            run(WEFT, "help", *command.split()).stdout
    assert "a pool; default: a free 10.x.y.0/24; may be repeated" in sections["network create"]
    assert COMMON <= set(re.findall(r"^ {7}(--[a-z-]+)", text, re.M))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_every_command_and_option_and_no_others(shell):
    all_commands = commands()
    groups = {""} | {command.split()[0] for command in all_commands if " " in command}
    questions, expected = [], []
    for group in sorted(groups):
        prefix = [group] if group else []
        questions.append([*prefix, ""])
        expected.append({command.split()[len(prefix)] for command in all_commands
                         if command.split()[:len(prefix)] == prefix} |
                        (set() if group else {"help"}))
    for command in all_commands:
        questions.append([*command.split(), "-"])
        expected.append(options(command))
    for question, offered, right in zip(questions, ask(shell, questions), expected):
        assert offered == right, question


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_what_the_daemon_knows(shell, host):
    env = {"PATH": f"{WEFT.parent}:{os.environ['PATH']}"}
    socket = ["--socket", str(host.socket)]
    names, members, endpoints, multicast, nothing = ask(shell, [
        [*socket, "network", "inspect", ""], [*socket, "node", "inspect", ""],
        [*socket, "detach", "blue", "--name", ""],
        ["network", "create", "red", "--multicast", ""],
        ["--socket", "/nonexistent", "network", "inspect", ""]], env)
    assert names == {"blue"}
    assert members == {host.label}
    assert endpoints == {"web", host.label}
    assert multicast == {"on", "off"}
    assert nothing == set()


def test_every_option_of_weftd_is_in_its_pages_and_its_file():
    text = run(WEFTD, "--help").stdout
    named = set(re.findall(r"^  --([a-z-]+)", text, re.M))
    keys = named - {"config", "check", "version", "help"}
    assert set(re.findall(r"^ {7}--([a-z-]+)", page("weftd.8"), re.M)) == named
    assert set(re.findall(r"^ {7}([a-z-]+): ", page("weft.yaml.5"), re.M)) == keys
    shipped = (MADE / "weft.yaml").read_text()
    assert set(re.findall(r"^# ([a-z-]+): ", shipped, re.M)) == keys
    assert all(line.startswith("#") or not line for line in shipped.splitlines())
    run(WEFTD, "--check", "--config", MADE / "weft.yaml")


def test_every_error_code_is_documented_with_a_remedy():
    rows = errors()
    text = page("weft.1", width=2000)
    said = text[text.index("\nERRORS"):text.index("\nENVIRONMENT")]
    for name, http, code, retry in rows:
        head = f"{name} (exit code {code}" + (f", HTTP status {http}" if http != "0" else "") + \
            (", retryable)" if retry == "1" else ")")
        found = re.search(rf"^ {{7}}{re.escape(head)}\n {{14}}(.+)\n {{14}}Remedy: (.+)\n", said,
                          re.M)
        assert found, head
        assert len(found.group(1)) > 10 and len(found.group(2)) > 10
    assert len(re.findall("Remedy:", said)) == len(rows)


def test_every_reason_not_to_use_a_datagram_is_explained():
    """In the page and in the help alike; the daemon's metrics have no others (test_bundle)."""
    rows = table("gossip/base/drop.h", r'\w+, "(\w+)", "([^"]+)"', more_than=20)
    text = page("weft.1", width=2000)
    said = text[text.index("\nMETRICS"):text.index("\nEXAMPLES")]
    assert re.findall(r"^ {7}(\w+)(?: +|\n {14})(\S.*)\.$", said, re.M) == \
        [(name, help[0].upper() + help[1:]) for name, help in rows]
    told = run(WEFT, "help", "metrics").stdout.split("\nREASON ")[1].splitlines()[1:]
    assert [tuple(line.split(None, 1)) for line in told] == rows


def test_a_message_says_what_to_do_where_its_code_cannot():
    """weft and weftd put the remedy of a code behind a message that has none; of some codes the
    message alone can know it."""
    rows = table("gossip/base/err_rows.h",
                 r'(\w+), "\w+", \d+, \d, [01], (?:"[^"]*" ?)+, "([^"]*)')
    deferring = {name for name, remedy in rows if remedy.startswith("the message")}
    assert deferring == {"INVALID", "LIMIT"}
    # What an argument must be is what to do.
    right = re.compile(r"at most|between|must be|takes one|is made of|say which|is on or off|"
                       r"names one|is not an absolute|characters A-Z|has %d to|is missing|"
                       r"expected|not readable|\(%s\): ")
    said = 0
    for folder in ("gossip/admission", "gossip/trust", "ipamdb", "overlay", "daemon", "cli"):
        for file in sorted((ROOT / folder).rglob("*.c")):
            for name, text in re.findall(r'WEFT_E_(\w+),\s*("(?:[^"\\]|\\.|"\s*")*")',
                                         file.read_text()):
                if name not in deferring:
                    continue
                said += 1
                text = re.sub(r'"\s*"', "", text)
                assert ";" in text or (name == "INVALID" and right.search(text)), (file, text)
    assert said > 40


def test_every_exit_code_is_in_the_readme_and_the_page():
    codes = {"0"} | {code for _, _, code, _ in errors()}
    readme = (ROOT / "README.md").read_text()
    listed = re.search(r"\| exit code \| means \|\n.*?\n\n", readme, re.DOTALL)[0]
    assert set(re.findall(r"^\| (\d) \|", listed, re.M)) == codes
    text = page("weft.1")
    listed = text[text.index("\nEXIT STATUS"):text.index("\nERRORS")]
    assert set(re.findall(r"^ {7}(\d) ", listed, re.M)) == codes


def test_help_lists_every_command_of_the_table():
    named = table("gossip/base/api_methods.h", r'\w+, "\w+", "[^"]+", (?:"([^"]+)"|NULL),')
    assert sorted(name for name in named if name) == sorted(commands())


def test_weftd_says_which_options_are_flags_alone():
    """The page and the help speak of the last four."""
    flags = [found for found in re.findall(r"^  --([a-z-]+)", run(WEFTD, "--help").stdout, re.M)]
    assert flags[-4:] == ["config", "check", "version", "help"]
    for name in flags[-4:]:
        assert f"\n{name}:" not in (MADE / "weft.yaml").read_text()


def test_what_is_installed_fits_its_prefix_and_parses(tmp_path):
    env = dict(os.environ, DESTDIR=str(tmp_path))
    run("cmake", "--install", BUILD, "--prefix", "/opt/weft", env=env)
    top = tmp_path / "opt/weft"
    for path in ("sbin/weftd", "bin/weft", "libexec/weft/weft-netns", "share/man/man1/weft.1",
                 "share/man/man8/weftd.8", "share/man/man5/weft.yaml.5",
                 "share/man/man7/weft-api.7",
                 "share/doc/weft/README.md", "share/doc/weft/OPERATING.md",
                 "share/doc/weft/gossip/WIRE.md", "lib/systemd/system/weft-netns.socket",
                 "lib/sysusers.d/weft.conf",
                 "lib/tmpfiles.d/weft.conf", "share/bash-completion/completions/weft",
                 "share/zsh/site-functions/_weft", "share/fish/vendor_completions.d/weft.fish"):
        assert (top / path).is_file(), path
    unit = (top / "lib/systemd/system/weftd.service").read_text()
    assert "ExecStart=/opt/weft/sbin/weftd\n" in unit
    for profile in ("weftd", "weft-netns"):
        path = tmp_path / "etc/apparmor.d" / profile
        assert "/opt/weft/" in path.read_text()
        run("apparmor_parser", "--skip-kernel-load", "--skip-cache", path)
    # What the installed pages point at is installed as well, but for what is about the sources.
    docs = top / "share/doc/weft"
    for text in docs.rglob("*.md"):
        links = set(re.findall(r"\]\(([^):#]+)\)", text.read_text()))
        for link in links - {"CONTRIBUTING.md", "LICENSE"}:
            assert (text.parent / link).is_file(), (text, link)
    # A configuration that somebody wrote stays.
    config = tmp_path / "etc/weft/weft.yaml"
    config.write_text("name: mine\n")
    run("cmake", "--install", BUILD, "--prefix", "/opt/weft", env=env)
    assert config.read_text() == "name: mine\n"


@pytest.mark.parametrize("owner, spelling, remedy", [
    ("dpkg-query", "{}", "apt remove weft"),
    ("dpkg-query", "{}/", "apt remove weft"),
    ("dpkg-query", "/{}", "apt remove weft"),
    ("dpkg-query", "{}/.", "apt remove weft"),
    ("dpkg-query", "{}/bin/..", "apt remove weft"),
    ("dpkg-query", "{}-link", "apt remove weft"),
    ("systemctl", "{}", "systemctl disable --now weftd.service weft-netns.socket")])
def test_uninstall_takes_nothing_from_a_package_or_from_a_daemon_that_runs(tmp_path, owner, spelling,
                                                                           remedy):
    """Without DESTDIR, in a mount namespace with an /etc of its own. The package knows its files by
    one spelling only."""
    prefix, answers = tmp_path / "prefix", tmp_path / "answers"
    answers.mkdir()
    (tmp_path / "prefix-link").symlink_to(prefix)
    for name, asked in (("dpkg-query", f'[ "$2" = {prefix}/bin/weft ]'), ("systemctl", "true")):
        (answers / name).write_text(f"#!/bin/sh\n{asked if name == owner else 'false'}\n")
        (answers / name).chmod(0o755)
    script = """
        mount --bind "$0" /etc
        cmake --install "$2" --prefix "$1" >/dev/null
        exec bash "$3" "$2" "$4"
    """
    (tmp_path / "etc").mkdir()
    done = run("unshare", "--mount", "sh", "-ec", script, tmp_path / "etc", prefix, BUILD,
               ROOT / "packaging/uninstall.sh", spelling.format(prefix), check=False,
               env=dict(os.environ, PATH=f"{answers}:{os.environ['PATH']}", DESTDIR=""))
    assert done.returncode == 1 and remedy in done.stderr, done
    assert (prefix / "bin/weft").is_file() and (tmp_path / "etc/weft/weft.yaml").is_file()
