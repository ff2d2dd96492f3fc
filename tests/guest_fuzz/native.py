"""Build the guest for the machine's own processor, under sanitizers: its JSON code alone, and all of it."""

import shutil
import subprocess
import sys
from pathlib import Path

from wasm_host.quickjs import build

HERE = Path(__file__).parent
GUEST = Path(build.__file__).parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
FUZZERS: dict[str, tuple[str, ...]] = {
    "fuzz.c": (),
    "lives.c": ("output.c", "memory.c", "wasi.c"),
}
"""Each fuzzer, and the files of the guest that it includes or stands for; fuzz.c needs the JSON code alone."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "each object at a place of its own": (),
    "a garbage collection before each object": ("-DFORCE_GC_AT_MALLOC",),
}


def compiler() -> str | None:
    """Return a C compiler that has the sanitizers, where there is one."""
    for name in ("clang", "gcc"):
        found = shutil.which(name)
        if found is not None:
            trial = [found, *SANITIZERS, "-x", "c", "-", "-o", "/dev/null"]
            program = b"int main(void) { return 0; }"
            if subprocess.run(trial, input=program, capture_output=True, check=False).returncode == 0:
                return found
    return None


def sources(folder: Path) -> Path:
    """Return the folder of QuickJS's sources, fetched into ``folder`` where they are not there yet."""
    upstream = folder / "upstream"
    if not upstream.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build.unpack(build.fetch(folder), upstream)
        build.hook(upstream)
    return upstream


def compile_fuzzer(with_compiler: str, upstream: Path, target: Path, flags: tuple[str, ...], name: str) -> None:
    """Compile one of ``FUZZERS``, and what it does not include."""
    for header, text in build.made_headers().items():
        (upstream / header).write_text(text)
    included = FUZZERS[name]
    ours = sorted(path for path in GUEST.glob("*.c") if included and path.name not in included)
    command = [
        *(with_compiler, "-g", "-O1", "-w", "-D_GNU_SOURCE", *SANITIZERS, *flags),
        *("-I", str(upstream), "-I", str(GUEST), str(HERE / name), *map(str, ours)),
        *(str(upstream / file) for file in build.UPSTREAM_FILES),
        *("-lm", "-o", str(target)),
    ]
    subprocess.run(command, check=True)


def fuzz(program: Path, seconds: int, seed: int) -> bool:
    """Run a fuzzer with the corpus, and say whether it found nothing."""
    corpus = sorted(str(path) for path in (HERE / "corpus").iterdir())
    sys.stdout.flush()
    return subprocess.run([str(program), str(seconds), str(seed), *corpus], check=False).returncode == 0
