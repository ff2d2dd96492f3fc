"""The image: built where a builder is, and otherwise its steps run here, as far as they need no network."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.dockerfile import stages_of
from tests.service.serving import ROOT, start_process

FILE = ROOT / "Dockerfile"
BUILDER, IMAGE = stages_of(FILE)
NAME = "symbia-runtime-under-test"


def _has_builder() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0
    )


def _ignored() -> list[str]:
    return [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the builder has it: what is copied, without what is ignored."""
    folder = tmp_path_factory.mktemp("source")
    for rest in BUILDER.all_of("COPY"):
        *sources, target = rest.split()
        for source in sources:
            place = folder / target / (source if target == "./" else "")
            if (ROOT / source).is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "guest.wasm")
                shutil.copytree(ROOT / source, place, ignore=ignore)
            else:
                shutil.copy(ROOT / source, place)
    return folder


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    """The builder is sent what the wheel is made of; the guest of this machine is not among it."""
    copied = {source for rest in BUILDER.all_of("COPY") for source in rest.split()[:-1]}
    lines = _ignored()
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert "wasm_host/quickjs/guest.wasm" in lines


def test_the_copied_files_make_the_wheel_with_its_guest(context: Path, tmp_path: Path) -> None:
    """The builder's folder is enough for a wheel, whose guest is compiled there."""
    assert not (context / "wasm_host" / "quickjs" / "guest.wasm").exists()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(command, cwd=context, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (file,) = tmp_path.glob("*.whl")
    assert "symbia_runtime/wasm_host/quickjs/guest.wasm" in zipfile.ZipFile(file).namelist()


def test_the_versions_are_those_that_are_tested() -> None:
    """The packages are those of ``constraints.txt``, and the tools of the builder stay there."""
    install = BUILDER.all_of("RUN")[-1]
    assert "--constraint constraints.txt" in install
    assert install.endswith('".[otel]"')
    assert BUILDER.base == IMAGE.base
    assert f"--from={BUILDER.name} /opt/symbia /opt/symbia" in IMAGE.all_of("COPY")
    assert len(IMAGE.all_of("COPY")) == 1


def test_a_container_is_no_root() -> None:
    """The user is made before, and is the last one."""
    (user,) = IMAGE.all_of("USER")
    assert user not in {"root", "0"}
    assert any("useradd --system --uid 10006" in step and step.count(f" {user}") for step in IMAGE.all_of("RUN"))
    words = [each.word for each in IMAGE.instructions]
    assert words.index("USER") > max(index for index, word in enumerate(words) if word == "RUN")


@pytest.mark.parametrize("step", [*BUILDER.all_of("RUN"), *IMAGE.all_of("RUN")])
def test_every_step_is_for_a_shell(step: str) -> None:
    """A shell reads each step, continued lines and all."""
    assert subprocess.run(["sh", "-n", "-c", step], check=False).returncode == 0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a service with the environment of the image."""
    environment = {**IMAGE.environment, "CACHE_FOLDER": str(tmp_path / "cache"), "AUTH": "none"}
    del environment["PATH"]
    with start_process(environment) as process:
        yield process.url


@pytest.mark.skipif(shutil.which("wget") is None, reason="the image brings wget, this machine does not")
def test_the_health_check_sees_a_service_and_its_absence(served: str) -> None:
    """The check of the image, run as it stands: 0 beside a service, and not 0 where there is none."""
    (said,) = IMAGE.all_of("HEALTHCHECK")
    command = said.partition("CMD ")[2]
    port = served.rpartition(":")[2]
    for variables, is_well in (
        ({"PORT": port}, True),
        ({"RUNTIME_PORT": port, "PORT": "9"}, True),
        ({"PORT": "9"}, False),
    ):
        environment = {"PATH": os.environ["PATH"], **variables}
        run = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=False)
        assert (run.returncode == 0) == is_well, (variables, run.stderr)


def test_a_container_serves_every_address(served: str) -> None:
    """The composition names no host; the image says that it is reached from outside."""
    assert IMAGE.environment["HOST"] == "0.0.0.0"
    assert IMAGE.all_of("EXPOSE") == ["5006"]
    assert IMAGE.all_of("CMD") == ['["symbia-runtime", "serve"]']
    assert served.startswith("http://")


@pytest.mark.skipif(not _has_builder(), reason="no builder of images is here")
@pytest.mark.timeout(900)
def test_the_image_is_built_and_well() -> None:
    """Where a builder is, the image is built; it is no root, has what is asked for health, and makes 42 of 21."""
    subprocess.run(["docker", "build", "--quiet", "--tag", NAME, str(ROOT)], check=True)
    graph = "symbia-runtime run /examples/quick_reference.json --inject input:in=21"
    run = ["docker", "run", "--rm", "--volume", f"{ROOT / 'examples'}:/examples:ro", NAME, "sh", "-c"]
    done = subprocess.run([*run, f"id -u; command -v wget; {graph}"], check=True, capture_output=True, text=True)
    user, wget, output = done.stdout.splitlines()
    assert (user, wget) == ("10006", "/usr/bin/wget")
    assert '"value":42' in output
