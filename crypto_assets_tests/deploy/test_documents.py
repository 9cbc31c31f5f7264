"""What the pages about deployments show can be used as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from crypto_assets_tests.deploy.composed import ROOT, raw_text

PAGES = [ROOT / "docs" / f"{n}.md" for n in ("deployment", "kubernetes", "aws", "google-cloud", "binance", "sizing")]
BLOCK = re.compile(r"^```(json|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    """Page and text of each block of a language."""
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language == kind:
                yield page.name, text


def statements() -> Iterator[dict[str, Any]]:
    for page, text in blocks("json"):
        policy = json.loads(text)
        assert policy["Version"] == "2012-10-17", page
        yield from policy["Statement"]


def test_every_policy_is_one_and_grants_no_more_than_it_names() -> None:
    found = list(statements())
    assert len(found) == 7
    for statement in found:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert [action for action in actions if "*" in action] == []
        if "Principal" in statement:
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"]
            continue
        assert re.fullmatch(r"arn:aws:s3:::my-crypto-lake(/[\w./*-]+)?", statement["Resource"])
        of_objects = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
        assert ("/" in statement["Resource"]) == bool(of_objects & set(actions))


def test_every_manifest_is_yaml_without_root() -> None:
    found = [yaml.safe_load(text) for _, text in blocks("yaml")]
    values, collector = found
    assert values["runLauncher"]["config"]["customRunLauncher"] == {"module": "dagster", "class": "DefaultRunLauncher"}
    pod = collector["spec"]["template"]["spec"]
    assert collector["spec"]["replicas"] == 1
    assert collector["spec"]["strategy"] == {"type": "Recreate"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["livenessProbe"]["exec"] == container["startupProbe"]["exec"]
    assert str(container["command"]).replace("'", '"') in raw_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    modules = set(re.findall(r"-m\"?,? \"?((?:crypto_assets|resources)\.[\w.]*\w)", text))
    assert [name for name in modules if find_spec(name) is None] == []
    files = set(re.findall(r"(?<![\w/-])((?:deploy|crypto_assets|resources)/[\w/.-]+\.(?:py|sh|sql|yaml|xml))", text))
    assert [name for name in files if not (ROOT / name).is_file()] == []
