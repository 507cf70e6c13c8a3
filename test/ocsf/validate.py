#!/usr/bin/python3
"""Hold events against the published OCSF schema.

validate.py SCHEMA-FOLDER CLASS < events     (one JSON event a line)

Says what is wrong with each event, and exits with 1 when something is: required
attributes, attributes that the schema does not have (also of profiles that the
event does not name), types, enumerated values and their captions, constraints.
The schema is read as it is published: dictionary, categories, objects, events
and profiles, with "extends" and "$include".
"""
import json
import pathlib
import re
import sys

PRIMITIVES = {"string_t": str, "integer_t": int, "long_t": int,
              "boolean_t": bool, "float_t": (int, float)}

# Their values follow from the class, and are checked exactly.
COMPUTED = ("category_uid", "class_uid", "type_uid")


class Schema:
    """The definitions of a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        dictionary = self.load("dictionary.json")
        self.dictionary = dictionary["attributes"]
        self.types = dictionary["types"]["attributes"]
        self.categories = self.load("categories.json")["attributes"]
        self.version = self.load("version.json")["version"]
        self.objects = self.by_name("objects")
        self.events = self.by_name("events")

    def load(self, path):
        return json.loads((self.folder / path).read_text())

    def by_name(self, folder):
        found = (json.loads(p.read_text()) for p in sorted((self.folder / folder).rglob("*.json")))
        return {d["name"]: d for d in found}

    def own_attributes(self, definition):
        """Attributes of a definition itself; those of a profile carry its name."""
        attributes = {}
        for name, value in definition.get("attributes", {}).items():
            if name != "$include":
                continue
            for path in value:
                profile = self.load(path)
                for key, attribute in profile["attributes"].items():
                    attributes[key] = {"profile": profile["name"], **attribute}
        for name, value in definition.get("attributes", {}).items():
            if name != "$include":
                attributes[name] = value
        return attributes

    def resolve(self, kind, name):
        """All attributes and constraints of an event or object, inherited ones too."""
        definition = kind[name]
        attributes, constraints = {}, {}
        if definition.get("extends") in kind:
            attributes, constraints = self.resolve(kind, definition["extends"])
        for key, value in self.own_attributes(definition).items():
            merged = {**attributes.get(key, {}), **value}
            merged["enum"] = {**attributes.get(key, {}).get("enum", {}), **value.get("enum", {})}
            attributes[key] = merged
        return attributes, definition.get("constraints", constraints)


class Validator:
    """What is wrong with events of one class."""

    def __init__(self, schema, class_name):
        self.schema = schema
        self.class_name = class_name
        self.attributes, self.constraints = schema.resolve(schema.events, class_name)
        category = schema.events[class_name].get("category") or \
            schema.events[schema.events[class_name]["extends"]]["category"]
        self.category = schema.categories[category]
        self.class_uid = self.category["uid"] * 1000 + schema.events[class_name]["uid"]
        self.problems = []

    def problem(self, path, text):
        self.problems.append(f"{path}: {text}")

    def check(self, event):
        self.problems = []
        profiles = event.get("metadata", {}).get("profiles", [])
        self.check_object("", event, self.attributes, self.constraints, profiles)
        expected = {"category_uid": self.category["uid"], "category_name": self.category["caption"],
                    "class_uid": self.class_uid,
                    "class_name": self.schema.events[self.class_name]["caption"],
                    "type_uid": self.class_uid * 100 + event.get("activity_id", -1)}
        for name, value in expected.items():
            if event.get(name, value) != value:
                self.problem(name, f"is {event[name]!r}, not {value!r}")
        if event.get("metadata", {}).get("version") != self.schema.version:
            self.problem("metadata.version", f"is not {self.schema.version}")
        return self.problems

    def check_object(self, path, value, attributes, constraints, profiles):
        if not isinstance(value, dict):
            return self.problem(path, "is not an object")
        for name in value:
            attribute = attributes.get(name)
            if attribute is None:
                self.problem(f"{path}.{name}", "is not in the schema")
            elif attribute.get("profile") and attribute["profile"] not in profiles:
                self.problem(f"{path}.{name}", f"belongs to profile {attribute['profile']}")
            else:
                self.check_attribute(f"{path}.{name}", name, value, attribute, profiles)
        for name, attribute in attributes.items():
            needed = attribute.get("profile") is None or attribute["profile"] in profiles
            if attribute.get("requirement") == "required" and needed and name not in value:
                self.problem(f"{path}.{name}", "is required")
        for kind, names in constraints.items():
            present = sum(name in value for name in names)
            if (kind == "at_least_one" and present == 0) or (kind == "just_one" and present != 1):
                self.problem(path, f"{kind} of {names}: {present}")

    def check_attribute(self, path, name, parent, attribute, profiles):
        definition = {**self.schema.dictionary[name], **attribute}
        enum = {**self.schema.dictionary[name].get("enum", {}), **attribute.get("enum", {})}
        if name in COMPUTED:
            enum = {}
        value = parent[name]
        if definition.get("is_array"):
            if not isinstance(value, list):
                return self.problem(path, "is not an array")
            for n, element in enumerate(value):
                self.check_value(f"{path}[{n}]", element, definition["type"], enum, profiles)
            return None
        self.check_value(path, value, definition["type"], enum, profiles)
        self.check_sibling(path, name, parent, definition, enum)
        return None

    def check_sibling(self, path, name, parent, definition, enum):
        """The text beside a number is that number's caption, unless it is 99."""
        sibling = definition.get("sibling")
        caption = enum.get(str(parent[name]), {}).get("caption")
        if sibling in parent and caption and parent[name] != 99 and parent[sibling] != caption:
            self.problem(path, f"{sibling} is {parent[sibling]!r}, not {caption!r}")

    def check_value(self, path, value, type_name, enum, profiles):
        if type_name == "object":
            if not isinstance(value, dict):
                self.problem(path, "is not an object")
        elif type_name in self.schema.objects:
            attributes, constraints = self.schema.resolve(self.schema.objects, type_name)
            self.check_object(path, value, attributes, constraints, profiles)
        elif type_name in self.schema.types:
            self.check_primitive(path, value, type_name)
            if enum and str(value) not in enum:
                self.problem(path, f"{value!r} is not one of {sorted(enum)}")
        else:
            self.problem(path, f"type {type_name} is unknown")

    def check_primitive(self, path, value, type_name):
        definition = self.schema.types[type_name]
        base = definition.get("type", type_name)
        if base == "json_t":
            return
        if not isinstance(value, PRIMITIVES[base]) or (base != "boolean_t" and isinstance(value, bool)):
            self.problem(path, f"{value!r} is not a {type_name}")
            return
        if "regex" in definition and not re.search(definition["regex"], value):
            self.problem(path, f"{value!r} is not a {type_name}")
        if "max_len" in definition and len(value) > definition["max_len"]:
            self.problem(path, "is too long")
        if "range" in definition and not definition["range"][0] <= value <= definition["range"][1]:
            self.problem(path, f"{value} is out of range")


def main():
    validator = Validator(Schema(sys.argv[1]), sys.argv[2])
    bad = count = 0
    for line in sys.stdin:
        event = json.loads(line)
        problems = validator.check(event)
        count += 1
        bad += bool(problems)
        for problem in problems:
            print(f"event {count}: {problem}")
    print(f"{count} events, {bad} bad")
    sys.exit(1 if bad or count == 0 else 0)


if __name__ == "__main__":
    main()
