"""Files for programs are as their schemas say; the schemas leave nothing open and describe every field."""

import copy
import dataclasses
import json
import types
import typing
from importlib import resources
from pathlib import Path

import jax
import jsonschema
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from jaxgame import panel, verify
from jaxgame.audit import interval, result, served, settings, standing
from jaxgame.cli import app
from jaxgame.runs import run_directory
from jaxgame.runs.batch import run_draws, run_statistics
from jaxgame.runs.run_directory import RunDirectoryError

QUICK = {"bootstrap": 20, "shuffles": 19, "splits": 2}
PLACES = {
    "audit": ("jaxgame.audit", "audit.schema.json"),
    "manifest": ("jaxgame.runs", "manifest.schema.json"),
    "proof": ("jaxgame.proof", "proof.schema.json"),
}


def schema_of(name):
    package, file = PLACES[name]
    return json.loads((resources.files(package) / file).read_text("utf-8"))


AUDIT, MANIFEST, PROOF = map(schema_of, PLACES)
# What is open by its nature: what users call their models, coordinates, settings and packages.
OPEN = {"coordinates", "settings", "levels", "versions", "weights"}


def objects(schema, name=""):
    """Every object of a schema, with the name of the field that it is of."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield name, schema
        for key, inner in schema.items():
            yield from objects(inner, key)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner, name)


@pytest.mark.parametrize("schema", [AUDIT, MANIFEST, PROOF], ids=list(PLACES))
def test_schemas_are_closed_and_describe_every_field(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema") and schema["description"]
    found = list(objects(schema))
    assert len(found) > 2
    for name, one in found:
        if "properties" not in one or name in OPEN:
            assert name in OPEN, name
            continue
        assert one["additionalProperties"] is False, name
        assert set(one["required"]) <= set(one["properties"])
        for field, about in one["properties"].items():
            # Mixtures of two kinds under their names: the field above them is described.
            assert len(about.get("description", "")) > 8 or set(one["properties"]) == {"cone", "simplex"}, (
                field
            )


def kind(annotation):
    """What JSON makes of an annotation of `jaxgame.audit.result`, as a schema would say it."""
    plain = {float: "number", int: "integer", str: "string", bool: "boolean"}
    if annotation in plain:
        return {"type": plain[annotation]}
    if dataclasses.is_dataclass(annotation):
        return {"$ref": f"#/$defs/{annotation.__name__}"}
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is types.UnionType:
        one = kind(next(part for part in inner if part is not type(None)))
        if "$ref" in one:
            return {"anyOf": [one, {"type": "null"}]}
        return one | {"type": [one["type"], "null"]}
    if origin is tuple:
        sizes = {} if inner[-1] is ... else {"minItems": len(inner), "maxItems": len(inner)}
        return {"type": "array", "items": kind(inner[0])} | sizes
    assert origin is dict, annotation
    return {"type": "object", "additionalProperties": kind(inner[1])}


def told(about):
    """A field's schema without what it says besides its type; mixtures by their kind as a dictionary."""
    if set(about.get("properties", ())) == set(settings.HULLS):
        (inner,) = {json.dumps(one) for one in about["properties"].values()}
        assert set(about["required"]) == set(settings.HULLS)
        return {"type": "object", "additionalProperties": json.loads(inner)}
    return {key: value for key, value in about.items() if key not in ("description", "enum", "const")}


KNOWN = {**vars(result), **vars(interval), **vars(standing), **vars(served)}.values()
RECORDS = [one for one in KNOWN if dataclasses.is_dataclass(one) and one is not result.Audit]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_the_schema_of_audits_has_every_record_field_by_field(record):
    hints = typing.get_type_hints(record)
    about = AUDIT["$defs"][record.__name__]
    assert about["required"] == list(hints) == list(about["properties"])
    for name, annotation in hints.items():
        assert told(about["properties"][name]) == kind(annotation), name


def test_the_schema_of_audits_has_every_record_and_no_other():
    assert set(AUDIT["$defs"]) == {record.__name__ for record in RECORDS} | {"Settings"}
    hints = typing.get_type_hints(result.Audit) | {"schema_version": int, "covered": bool, "exit_code": int}
    assert set(AUDIT["properties"]) == set(hints) == set(AUDIT["required"])
    for name, about in AUDIT["properties"].items():
        if name != "settings":
            assert told(about) == kind(hints[name]), name
    hints = typing.get_type_hints(settings.Settings)
    about = AUDIT["$defs"]["Settings"]
    assert set(about["properties"]) | {"epsilon", "hull", "confidence"} == set(hints)
    assert about["required"] == list(about["properties"])
    for name, one in about["properties"].items():
        assert told(one) == kind(hints[name]), name
    assert AUDIT["properties"]["schema_version"]["const"] == result.SCHEMA_VERSION
    assert MANIFEST["properties"]["schema_version"]["const"] == run_directory.SCHEMA_VERSION
    assert PROOF["$defs"]["version"]["const"] == verify.SCHEMA_VERSION
    assert AUDIT["$defs"]["TargetAudit"]["properties"]["verdict"]["enum"] == list(result.VERDICTS)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An `audit.json` with all that can be in it: targets, a candidate, groups, a given scale."""
    directory = tmp_path_factory.mktemp("audit")
    random = np.random.default_rng(0)
    scores = random.uniform(0, 10, size=(120, 5))
    table = {"people": scores[:, :2].mean(axis=1), "others": scores[:, 4]}
    table |= {f"m{i}": scores[:, i] for i in range(4)} | {"scene": [f"s{i // 4}" for i in range(120)]}
    pl.DataFrame(table).write_csv(directory / "t.csv")
    question = ["-t", "people", "-t", "others", "--candidate", "m3", "--group", "scene", "--range", "0,10"]
    question.append("--robust")
    answer = ["--bootstrap", "20", "--out", str(directory)]
    result = CliRunner().invoke(app, ["audit", str(directory / "t.csv"), *question, *answer])
    assert result.exit_code == 1
    return json.loads((directory / "audit.json").read_text())


def test_audits_are_as_their_schema_says(written):
    jsonschema.validate(written, AUDIT)
    assert written["schema_version"] == 2 and written["settings"]["range"] == [0, 10]
    for name, target in (("eqbench", None), ("senate", "kohl_d_wi")):
        found = panel.audit(name, target=target, **QUICK).to_dict()
        jsonschema.validate(json.loads(json.dumps(found, allow_nan=False)), AUDIT)


def test_other_audits_are_refused(written):
    def refused(change, at=()):
        other = copy.deepcopy(written)
        place = other
        for step in at:
            place = place[step]
        change(place)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(other, AUDIT)

    target = ("targets", 0)
    for at, name in (
        ((), "rule"),
        (target, "average"),
        ((*target, "average"), "stake"),
        (("settings",), "range"),
    ):
        refused(lambda place, name=name: place.pop(name), at)
        refused(lambda place: place.update(more=1), at)
    refused(lambda place: place.update(schema_version=1))
    refused(lambda place: place.update(verdict="perhaps"), target)
    refused(lambda place: place.update(distance="near"), target)
    refused(lambda place: place["hulls"].pop("cone"), target)
    refused(lambda place: place.update(weights={"m0": "much"}), (*target, "average", "bounds", 0))


# Manifests


def numbers(key):
    return {"x": jax.random.uniform(key)}


def manifest(directory):
    return json.loads((directory / "manifest.json").read_text())


def test_manifests_are_as_their_schema_says(tmp_path):
    run_draws(
        numbers, 8, 0, directory=tmp_path / "rows", chunk=4, settings={"a": {"b": [1, None]}}, coordinates={}
    )
    run_statistics(numbers, 8, 0, directory=tmp_path / "none", chunk=4, levels={"x": [0.5]})
    for name in ("rows", "none"):
        found = manifest(tmp_path / name)
        jsonschema.validate(found, MANIFEST)
        assert found["complete"] and found["schema_version"] == 1 and len(found["checksum"]) == 16
        for lacking in ("request", "state", "draws_done", "versions"):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({key: value for key, value in found.items() if key != lacking}, MANIFEST)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found | {"more": 1}, MANIFEST)
        # All that a complete run tells is described, and all that is described it tells.
        without = set() if name == "none" else {"statistics"}
        assert set(MANIFEST["properties"]) == set(found)
        assert set(MANIFEST["properties"]["request"]["properties"]) == set(found["request"]) | without


def test_manifests_of_runs_that_go_on_or_were_interrupted(tmp_path, monkeypatch):
    seen, save = [], run_directory.RunDirectory.save_chunk

    def stopped(self, *arguments):
        seen.append(manifest(tmp_path))
        save(self, *arguments)
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_directory.RunDirectory, "save_chunk", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_draws(numbers, 8, 0, directory=tmp_path, chunk=2)
    for found, state in ((seen[0], "running"), (seen[1], "running"), (manifest(tmp_path), "interrupted")):
        jsonschema.validate(found, MANIFEST)
        assert found["state"] == state and not found["complete"]


def test_runs_of_before_resume_and_those_of_later_versions_are_refused(tmp_path, monkeypatch):
    whole = run_draws(numbers, 8, 0, chunk=2)
    halves, save = [], run_directory.RunDirectory.save_chunk

    def stopped(self, *arguments):
        save(self, *arguments)
        halves.append(arguments)
        if len(halves) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_directory.RunDirectory, "save_chunk", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_draws(numbers, 8, 0, directory=tmp_path, chunk=2)
    path = tmp_path / "manifest.json"
    before = manifest(tmp_path)
    path.write_text(json.dumps(before | {"schema_version": 2}))
    with pytest.raises(RunDirectoryError, match="has schema_version 2, this jaxgame writes 1"):
        run_draws(numbers, 8, 0, directory=tmp_path, chunk=2)
    del before["schema_version"]
    path.write_text(json.dumps(before))
    assert run_draws(numbers, 8, 0, directory=tmp_path, chunk=2).equals(whole)
    assert len(halves) == 4 and manifest(tmp_path)["schema_version"] == 1
    # And one that is complete is read.
    before = manifest(tmp_path)
    del before["schema_version"]
    path.write_text(json.dumps(before))
    assert run_draws(numbers, 8, 0, directory=tmp_path, chunk=2).equals(whole)


def test_the_documentation_names_both(request):
    docs = Path(request.config.rootpath) / "docs"
    assert "audit.schema.json" in (docs / "audit.md").read_text()
    assert "manifest.schema.json" in (docs / "howto" / "run_directory.md").read_text()
