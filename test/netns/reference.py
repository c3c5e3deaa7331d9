# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""The manual pages as they are shown, and weft-api(7) read, to hold a daemon's answers against it."""
import os
import re

from hosts import BUILD, run

# What the page's words for types take, as patterns of texts or classes of JSON.
TYPES = {
    "text": r"(?s).*",
    "id": r"[0-9a-f]{32}",
    "address": r"\d+\.\d+\.\d+\.\d+|[0-9a-f:]+:[0-9a-f:]*",
    "address:port": r"\S+:\d+",
    "subnet": r"\S+/\d+",
    "MAC": r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "number": (int, float),
    "flag": bool,
    "labels": dict,
    "object": dict,
}


def page(name, width=400):
    """A manual page of the build, as a terminal that wide shows it."""
    env = dict(os.environ, MANWIDTH=str(width), LC_ALL="C.UTF-8", MANPAGER="cat")
    return run("man", "-l", BUILD / "packaging/man" / name, env=env).stdout


class Reference:
    """The page, read: methods by "VERB path", objects by name; keys with their types in order."""

    def __init__(self):
        text = page("weft-api.7")
        self.text = text
        self.methods, self.objects = {}, {}
        self.seen = set()
        for head, body in self.sections(text, "METHODS", "OBJECTS"):
            fields, answer = re.split(r"^ {7}Answer: ", body, maxsplit=1, flags=re.M)
            is_a = re.match(r"an object of kind (\w+)", answer)
            self.methods[head] = {"fields": self.keys(fields), "keys": self.keys(answer),
                                  "object": is_a and is_a[1], "says": answer.split("\n")[0],
                                  "words": body}
        for head, body in self.sections(text, "OBJECTS", "PAGES"):
            self.objects[head] = self.keys(body)

    @staticmethod
    def sections(text, begin, end):
        part = text[text.index(f"\n{begin}\n"):text.index(f"\n{end}\n")]
        return [block.split("\n", 1) for block in re.split(r"^   (?=\S)", part, flags=re.M)[1:]]

    @staticmethod
    def keys(text):
        found = re.findall(r"^ {7}([\w.\[\]]+) \(([^)]+)\)(?: +|\n {14})(\S.*)$", text, re.M)
        assert all(len(said) > 3 for _, _, said in found)
        assert len({name for name, _, _ in found}) == len(found), found
        return {name: kind for name, kind, _ in found}

    def check(self, method, answer):
        """Every key of an answer is described, with its type; what is described is there."""
        said = self.methods[method]
        keys = dict(self.objects[said["object"]]) if said["object"] else {}
        keys |= said["keys"]
        if not keys:
            assert answer == {} and re.match("an empty object[.:]", said["says"]), method
        self.check_object(method, "", keys, answer)

    def unseen(self, method):
        """The keys that the page describes, and no answer that was checked has had."""
        return {key for key in self.methods[method]["keys"] if (method, key) not in self.seen}

    def check_object(self, method, prefix, keys, value):
        here = {name[len(prefix):]: kind for name, kind in keys.items() if name.startswith(prefix)}
        own = {name: kind for name, kind in here.items() if not re.search(r"[.\[]", name)}
        if own or not prefix:
            assert sorted(value) == sorted(own), f"{method} {prefix}"
        for name, kind in own.items():
            self.seen.add((method, prefix + name))
            self.check_value(method, prefix + name, kind, keys, value[name])

    def check_value(self, method, name, kind, keys, value):
        where = f"{method}: {name} is {value!r}, not {kind}"
        kind, _, null = kind.partition(" or ")
        if value is None:
            assert null == "null", where
        elif kind.startswith("list of "):
            assert isinstance(value, list), where
            for item in value:
                if kind == "list of object":
                    self.check_object(method, f"{name}[].", keys, item)
                else:
                    self.check_value(method, name, kind[8:], keys, item)
        elif kind in self.objects:
            self.check_object(method, "", self.objects[kind], value)
        else:
            takes = TYPES[kind]
            if isinstance(takes, str):
                assert isinstance(value, str) and re.fullmatch(takes, value), where
            else:
                assert isinstance(value, takes), where
                assert isinstance(value, bool) == (kind == "flag"), where
            if kind == "object":
                self.check_object(method, f"{name}.", keys, value)
