# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Reads AppArmor profiles, and what strace saw: where no kernel can load a profile, its rules can
still be held against what a program does.

Only what the profiles of this project use is understood: rules of paths, networks and execution, with
the includes that apparmor_parser puts in. What a rule denies is not looked at.
"""
import os
import re
import shlex

from hosts import run

RULE = re.compile(r"(?:(?:audit|allow|owner|file) +)*(?P<path>[/@]\S*) +(?P<perms>[a-zA-Z]+)"
                  r"(?: +-> +\S+)?$")
PERMS_FIRST = re.compile(r"(?:(?:audit|allow|owner|file) +)*(?P<perms>[rwmxklixpuPUcC]+) +"
                         r"(?P<path>[/@]\S*)$")
FAMILIES = {"AF_INET": "inet", "AF_INET6": "inet6", "AF_UNIX": "unix", "AF_NETLINK": "netlink",
            "AF_PACKET": "packet"}


def pattern(glob):
    """An AppArmor glob as a regular expression."""
    out, depth, at = "", 0, 0
    while at < len(glob):
        char = glob[at]
        if glob.startswith("**", at):
            out += ".+" if glob[at - 1] == "/" and at + 2 == len(glob) else ".*"
            at += 1
        elif char == "*":
            out += "[^/]+" if glob[at - 1] == "/" and at + 1 == len(glob) else "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "{":
            out, depth = out + "(?:", depth + 1
        elif char == "}":
            out, depth = out + ")", depth - 1
        elif char == "," and depth:
            out += "|"
        elif char == "[":
            end = glob.index("]", at)
            out += glob[at:end + 1]
            at = end
        else:
            out += re.escape(char)
        at += 1
    return re.compile(re.sub("(?:/)+", "/", out))


class Profile:
    """The rules of one profile."""

    def __init__(self, file):
        self.rules, self.networks = [], set()
        variables = {}
        for line in run("apparmor_parser", "--preprocess", file).stdout.splitlines():
            line = re.sub(r"(^|\s)#.*", "", line).strip()
            if found := re.fullmatch(r"@\{(\w+)\} *(\+?)= *(.*)", line):
                old = variables.get(found[1], []) if found[2] else []
                variables[found[1]] = old + shlex.split(found[3])
            elif line.endswith(","):
                self.take(line[:-1], variables)
        assert len(self.rules) > 10

    def take(self, line, variables):
        if line.startswith("network "):
            self.networks.add(tuple(line.split()[1:]))
            return
        if found := PERMS_FIRST.fullmatch(line) or RULE.fullmatch(line):
            glob = found["path"]
            while "@{" in glob:
                glob = re.sub(r"@\{(\w+)\}", lambda at: "{" + ",".join(
                    value.rstrip("/") for value in variables.get(at[1], ["none"])) + "}", glob)
            self.rules.append((pattern(glob), set(found["perms"].lower())))

    def refuses(self, path, perms):
        """Which of the rights to a path no rule gives."""
        given = set()
        for rule, rights in self.rules:
            if rule.fullmatch(path):
                given |= rights
        return set(perms) - given - ({"w"} if "a" in given else set())

    def has_network(self, family, kind):
        return {(family, kind), (family,)} & self.networks


CALL = re.compile(r"(?P<name>\w+)\((?P<args>.*)\) += (?P<result>-?\w+)(?P<fd><[^>]*>)?")
OPENED = re.compile(r'(?:AT_FDCWD<[^>]*>|\d+<(?P<at>[^>]*)>)?,? ?"(?P<path>[^"]*)", (?P<flags>[A-Z_|]+)')
PLACES = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<at>[^>]*)>, )?"(?P<path>[^"]*)"')
CHANGES = {"rename": "rw", "renameat": "rw", "renameat2": "rw", "unlink": "w", "unlinkat": "w",
           "mkdir": "w", "mkdirat": "w", "rmdir": "w", "link": "l", "linkat": "l", "symlink": "w",
           "chmod": "w", "fchmodat": "w", "chown": "w", "fchownat": "w", "lchown": "w"}
FORKS = ("clone", "clone3", "fork", "vfork")
TRACED = (*FORKS, "execve", "open", "openat", "socket", "connect", "bind", "sendmsg", "sendto", "fcntl", "flock", "mmap",
          *CHANGES)


def opened(found, result):
    flags = found["flags"].split("|")
    perms = {"O_RDONLY": "r", "O_WRONLY": "w", "O_RDWR": "rw"}[flags[0]]
    if "O_PATH" in flags:
        return None
    path = result[1:-1] if result and result.startswith("</") else \
        os.path.join(found["at"] or "", found["path"])
    if "O_DIRECTORY" in flags:
        path = path.rstrip("/") + "/"
    return path, set(perms) | ({"w"} if {"O_CREAT", "O_TRUNC"} & set(flags) else set())


def uses(first):
    """What a trace by `strace -ff -y -o TRACE` shows, from its first process on, of all that succeeded:
    {(program, kind, object, right)}; kind is "file" or "socket"."""
    seen, known = set(), [(first, None)]
    for file, program in known:
        pid = file.suffix[1:]
        for found in map(CALL.match, file.read_text().splitlines()):
            if not found or found["result"].startswith("-1"):
                continue
            name, args = found["name"], found["args"]
            if name in FORKS:
                known.append((file.with_suffix(f".{found['result']}"), program))
            elif name == "execve":
                path = os.path.normpath(re.match(r'"([^"]*)"', args)[1])
                seen |= {(program, "file", path, "x")} if program else set()
                program = path
            for kind, thing, rights in objects(name, args, found["fd"]):
                thing = re.sub(r"^/proc/(self|thread-self)\b", f"/proc/{pid}", thing)
                seen |= {(program, kind, thing, right) for right in rights}
    # To AppArmor the name of a folder ends in a slash, however it was opened.
    folders = {os.path.dirname(thing) for _, _, thing, _ in seen}
    return {(program, kind, thing + "/" * (thing in folders), right)
            for program, kind, thing, right in seen}


def objects(name, args, result):
    if name in ("open", "openat"):
        if made := opened(OPENED.match(args), result):
            yield "file", *made
    elif name == "socket":
        family, kind = args.split(", ")[:2]
        yield "socket", FAMILIES.get(family, family), {kind.split("|")[0][5:].lower()}
    elif name in ("connect", "bind", "sendmsg", "sendto"):
        if path := re.search(r'sun_path="([^"]+)"', args):
            yield "file", path[1], {"w"}
    elif name in ("fcntl", "flock", "mmap"):
        path = re.search(r"\d+<(/[^>]*)>", args)
        right = {"fcntl": "k" if "F_SETLK" in args else "", "flock": "k",
                 "mmap": "m" if "PROT_EXEC" in args else ""}[name]
        if path and right and not path[1].startswith("/dev/zero"):
            yield "file", path[1], {right}
    elif name in CHANGES:
        for place in PLACES.finditer(args):
            path = os.path.join(place["at"] or "", place["path"])
            yield "file", path + ("/" if name in ("mkdir", "mkdirat", "rmdir") else ""), \
                set(CHANGES[name])
