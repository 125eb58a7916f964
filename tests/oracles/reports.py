"""Validates the reports of `alluvium check` over every pair of fixtures/compat, and over inputs that are not there.

SARIF against the schema of SARIF 2.1.0, JSON against schemas/check-report.schema.json, JUnit against the schema of Jenkins
(junit-schema) and by its counts. All must tell the same.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import jsonschema
import xmlschema

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def sarif_schema():
    """Reads the schema out of the package that brings it; `cargo` fetches it."""
    manifest = HERE / "sarif-schema" / "Cargo.toml"
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", manifest]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    (package,) = [package for package in packages if package["name"] == "serde-sarif"]
    return json.loads((pathlib.Path(package["manifest_path"]).parent / "src" / "schema.json").read_text())


def validator(schema):
    of = jsonschema.validators.validator_for(schema)
    of.check_schema(schema)
    return of(schema, format_checker=of.FORMAT_CHECKER)


def junit(path, schema):
    """Returns the outcomes of the cases of a valid JUnit file, after a look at its counts."""
    schema.validate(str(path))
    root = xml.parse(path).getroot()
    assert root.tag == "testsuites", root.tag
    outcomes = []
    for suite in root:
        assert suite.tag == "testsuite" and suite.get("name"), suite.tag
        of_suite = []
        for case in suite.iter("testcase"):
            assert case.get("name") and case.get("classname"), case.attrib
            found = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
            assert len(found) <= 1, found
            of_suite.append(found[0] if found else "passed")
        for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name)) == of_suite.count(outcome), (name, suite.attrib)
        assert int(suite.get("tests")) == len(of_suite)
        outcomes += of_suite
    return outcomes


def code_quality(path):
    """Returns the names of the checks of a code quality report, after a look at what GitLab asks of its issues."""
    issues = json.loads(path.read_text())
    for issue in issues:
        assert all(isinstance(issue[name], str) and issue[name] for name in ("description", "check_name")), issue
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker"), issue
        assert issue["location"]["path"] and issue["location"]["lines"]["begin"] == 1, issue
    assert len({issue["fingerprint"] for issue in issues}) == len(issues), path
    return [issue["check_name"] for issue in issues]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alluvium", required=True, help="the program")
    alluvium = parser.parse_args().alluvium
    sarif = validator(sarif_schema())
    cases = xmlschema.XMLSchema(HERE / "junit-schema" / "junit-10.xsd")
    ours = validator(json.loads((ROOT / "schemas" / "check-report.schema.json").read_text()))
    pairs = sorted(path.parent for path in (ROOT / "fixtures" / "compat").glob("*/old.*"))
    assert pairs, "there are no fixtures"
    findings = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        waiver = folder / "waiver.toml"
        waiver.write_text('[[waiver]]\nrule = "*"\nreason = "all"\nuntil = "2999-01-01"\n')
        expired = folder / "expired.toml"
        expired.write_text('[[waiver]]\nrule = "*"\nreason = "none"\nuntil = "1999-01-01"\n')
        runs = []
        for pair in pairs:
            old, new = (next(pair.glob(f"{side}.*")) for side in ("old", "new"))
            for more in (["--no-config"], ["--config", waiver], ["--config", expired]):
                runs.append((old, new, more))
        for missing in (folder / "not there", folder / "neither \u00e4 & <that>"):
            runs.append((missing, next(pairs[0].glob("new.*")), ["--no-config"]))
        for old, new, more in runs:
            files = {form: folder / form for form in ("json", "sarif", "junit", "code-quality")}
            for path in files.values():
                path.unlink(missing_ok=True)
            reports = [arg for form, path in files.items() for arg in ("--report", f"{form}={path}")]
            command = [alluvium, "check", new, "--against", old, *more, *reports]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            report, log = (json.loads(files[form].read_text()) for form in ("json", "sarif"))
            ours.validate(report)
            sarif.validate(log)
            outcomes, issues = junit(files["junit"], cases), code_quality(files["code-quality"])
            (run,) = log["runs"]
            (invocation,) = run["invocations"]
            assert invocation["exitCode"] == done.returncode, (command, done.returncode, done.stderr)
            if report["conclusion"] == "error":
                assert done.returncode in (3, 4) and not old.exists(), (command, done.stderr)
                assert not invocation["executionSuccessful"] and outcomes == ["error"], command
                assert len(issues) == 1, command
                continue
            assert invocation["executionSuccessful"] and old.exists(), command
            assert done.returncode == (1 if report["conclusion"] == "failed" else 0), (command, done.returncode)
            told = len(report["findings"]) + len(report["waived"])
            assert told == len(run["results"]) == len(outcomes) - 1, command
            assert len([name for name in issues if name != "not-checked"]) == len(report["findings"]), command
            assert outcomes.count("skipped") == len(report["waived"]), command
            findings += told
    print(f"reports: {len(runs)} runs, {findings} findings: SARIF, JSON, JUnit and code quality are valid and tell the same")


if __name__ == "__main__":
    sys.exit(main())
