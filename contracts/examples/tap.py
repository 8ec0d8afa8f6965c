#!/usr/bin/env python3
"""Tap the topics of Order Saga and hold every record against the published JSON Schemas, and nothing else.

It needs Python 3.11, confluent-kafka (pip install -r requirements.txt), and the folder contracts/dist. It joins no group
and commits nothing. One line a record goes to standard output, a summary to standard error.

  tap.py                                  everything there is, then end
  tap.py --follow                         and what comes, until Ctrl-C
  tap.py --count 11 --idle-seconds 30     11 records, or 30 seconds without one
  tap.py --topics order.events            one topic

Exit codes: 0 every record is valid; 1 one is not, or fewer than --count came; 2 usage; 3 no broker or topic.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

TOPICS = [f"{service}.{kind}" for service in ("order", "payment", "warehouse") for kind in ("events", "commands")]


class Invalid(Exception):
    """A value that does not fit its schema; the message says where and why."""


class Schema:
    """A JSON Schema 2020-12 of which exactly these keywords are understood. Any other is an error, never ignored."""

    ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "format"}
    TYPES = {
        "object": lambda v: isinstance(v, dict),
        "array": lambda v: isinstance(v, list),
        "string": lambda v: isinstance(v, str),
        "integer": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and v == int(v),
    }

    def __init__(self, document):
        self.document = document
        self.check_keywords(document)

    def check_keywords(self, schema):
        for keyword, value in schema.items():
            if keyword not in self.ANNOTATIONS and not hasattr(self, self.rule(keyword)):
                raise SystemExit(f"tap.py does not know the keyword {keyword} of {self.document.get('$id')}")
            if keyword in ("properties", "$defs"):
                for child in value.values():
                    self.check_keywords(child)
            elif keyword == "items":
                self.check_keywords(value)
            elif keyword == "type" and value not in self.TYPES:
                raise SystemExit(f"tap.py does not know the type {value} of {self.document.get('$id')}")

    @staticmethod
    def rule(keyword):
        return "rule_" + keyword.removeprefix("$")

    def validate(self, value, schema=None, at=""):
        schema = self.document if schema is None else schema
        for keyword, expected in schema.items():
            if keyword not in self.ANNOTATIONS:
                getattr(self, self.rule(keyword))(value, expected, at)

    def rule_ref(self, value, ref, at):
        if not ref.startswith("#/"):
            raise SystemExit(f"tap.py does not follow {ref}")
        target = self.document
        for name in ref[2:].split("/"):
            target = target[name]
        self.validate(value, target, at)

    def rule_type(self, value, name, at):
        if not self.TYPES[name](value):
            raise Invalid(f"{at or '/'}: not of type {name}")

    def rule_const(self, value, expected, at):
        if value != expected:
            raise Invalid(f"{at}: not {expected!r}")

    def rule_enum(self, value, allowed, at):
        if value not in allowed:
            raise Invalid(f"{at}: none of {', '.join(allowed)}")

    def rule_pattern(self, value, pattern, at):
        # $ of Python also matches before a last newline; that of JSON Schema does not.
        if isinstance(value, str) and (value.endswith("\n") or not re.search(pattern, value, re.ASCII)):
            raise Invalid(f"{at}: does not match {pattern}")

    def rule_minLength(self, value, limit, at):
        if isinstance(value, str) and len(value) < limit:
            raise Invalid(f"{at}: shorter than {limit}")

    def rule_maxLength(self, value, limit, at):
        if isinstance(value, str) and len(value) > limit:
            raise Invalid(f"{at}: longer than {limit}")

    def rule_minimum(self, value, limit, at):
        if self.TYPES["integer"](value) and value < limit:
            raise Invalid(f"{at}: less than {limit}")

    def rule_maximum(self, value, limit, at):
        if self.TYPES["integer"](value) and value > limit:
            raise Invalid(f"{at}: more than {limit}")

    def rule_minItems(self, value, limit, at):
        if isinstance(value, list) and len(value) < limit:
            raise Invalid(f"{at}: fewer than {limit} items")

    def rule_maxItems(self, value, limit, at):
        if isinstance(value, list) and len(value) > limit:
            raise Invalid(f"{at}: more than {limit} items")

    def rule_items(self, value, schema, at):
        if isinstance(value, list):
            for i, item in enumerate(value):
                self.validate(item, schema, f"{at}/{i}")

    def rule_required(self, value, names, at):
        for name in names if isinstance(value, dict) else ():
            if name not in value:
                raise Invalid(f"{at}/{name}: missing")

    def rule_properties(self, value, schemas, at):
        for name, schema in schemas.items() if isinstance(value, dict) else ():
            if name in value:
                self.validate(value[name], schema, f"{at}/{name}")


class Schemas:
    """The schemas of a folder: headers/command, headers/event and one for each wire type."""

    def __init__(self, folder):
        self.by_name = {
            path.relative_to(folder).with_suffix("").as_posix(): Schema(json.loads(path.read_text("utf-8")))
            for path in folder.rglob("*.json")
        }
        if "headers/event" not in self.by_name:
            raise SystemExit(f"no schemas in {folder}")

    def check(self, topic, key, headers, value):
        """Raises Invalid unless the record is what the contracts promise."""
        kind = "command" if topic.endswith(".commands") else "event"
        texts = {}
        for name, raw in headers:
            if name in texts:
                raise Invalid(f"header {name}: twice")
            texts[name] = decode(raw, f"header {name}")
        try:
            self.by_name["headers/" + kind].validate(texts)
        except Invalid as fault:
            raise Invalid(f"headers: {fault}") from None
        if decode(key, "key") != texts["ce_subject"]:
            raise Invalid("key: not ce_subject")
        schema = self.by_name.get(texts["ce_type"])
        if schema is None:
            raise Invalid(f"no schema for {texts['ce_type']}")
        schema.validate(parse(value))
        return texts


def decode(raw, what):
    try:
        return raw.decode("utf-8")
    except (AttributeError, UnicodeDecodeError):
        raise Invalid(f"{what}: no UTF-8 text") from None


def parse(value):
    if value is None:
        raise Invalid("value: null")
    try:
        return json.loads(value, parse_constant=lambda name: json.loads("x"))  # NaN and Infinity are no JSON
    except (ValueError, UnicodeDecodeError) as fault:
        raise Invalid(f"value: no JSON: {fault}") from None


class Tap:
    """Reads the partitions of some topics from their beginning."""

    def __init__(self, options):
        self.options = options
        self.consumer = Consumer({
            "bootstrap.servers": options.brokers,
            "group.id": "tap",  # the client insists on one; nothing is joined or committed
            "enable.auto.commit": False,
            "enable.partition.eof": not (options.follow or options.count or options.idle_seconds),
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
        })
        self.open = set()
        partitions = []
        for topic in options.topics:
            topic = options.prefix + topic
            meta = self.consumer.list_topics(topic, timeout=10).topics[topic]
            if meta.error is not None:
                raise KafkaException(meta.error)
            partitions += [TopicPartition(topic, p, OFFSET_BEGINNING) for p in meta.partitions]
        self.open = {(p.topic, p.partition) for p in partitions}
        self.consumer.assign(partitions)

    def records(self):
        """Yields records until there is nothing left to wait for."""
        last = time.monotonic()
        while self.open:
            record = self.consumer.poll(0.2)
            if record is None:
                idle = self.options.idle_seconds
                if idle and time.monotonic() - last > idle:
                    return
            elif record.error() is None:
                last = time.monotonic()
                yield record
            elif record.error().name() == "_PARTITION_EOF":
                self.open.discard((record.topic(), record.partition()))
            else:
                raise KafkaException(record.error())


def tap(options):
    schemas = Schemas(options.schemas)
    seen = invalid = 0
    reader = Tap(options)
    try:
        for record in reader.records():
            seen += 1
            topic = record.topic().removeprefix(options.prefix)
            where = f"{topic}/{record.partition()}/{record.offset()}"
            try:
                headers = schemas.check(topic, record.key(), record.headers() or [], record.value())
            except Invalid as fault:
                invalid += 1
                print(f"INVALID {where} {fault}", flush=True)
            else:
                print(
                    f"{where} {headers['ce_subject']} {headers['ce_source']} {int(headers['ce_sequence'])}",
                    headers["ce_type"], record.value().decode("utf-8"), flush=True,
                )
            if seen == options.count:
                break
    except KeyboardInterrupt:
        pass
    finally:
        reader.consumer.close()
    print(f"{seen} records, {invalid} invalid", file=sys.stderr)
    return 1 if invalid or seen < options.count else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", default="127.0.0.1:9092", help="host:port, comma-separated (%(default)s)")
    parser.add_argument("--topics", default=",".join(TOPICS), type=lambda s: s.split(","), help="comma-separated (all)")
    parser.add_argument("--prefix", default="", help="before every topic's name")
    parser.add_argument("--count", default=0, type=int, help="end after this many records")
    parser.add_argument("--idle-seconds", default=0.0, type=float, help="end when none came for so long")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--schemas", type=Path, default=Path(__file__).resolve().parent.parent / "dist" / "schemas")
    try:
        return tap(parser.parse_args())
    except KafkaException as fault:
        print(f"tap.py: {fault.args[0].str()}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
